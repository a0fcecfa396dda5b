// The demo's sign-in page: a click on a person fills in the form.  Without script the passwords are there to read.
for (const person of document.querySelectorAll('.who[data-name]')) {
  person.addEventListener('click', () => {
    for (const other of document.querySelectorAll('.who')) other.setAttribute('aria-pressed', String(other === person));
    document.getElementById('username').value = person.dataset.name;
    document.getElementById('password').value = person.dataset.password;
    document.getElementById('submit').focus();
  });
}
