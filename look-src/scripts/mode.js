// Before the first paint: the person's choice of light or dark, kept in a cookie that holds nothing else.
{
  const chosen = document.cookie.match(/(?:^|; )swap_mode=(light|dark)(?:;|$)/);
  if (chosen) document.documentElement.dataset.mode = chosen[1];
}
