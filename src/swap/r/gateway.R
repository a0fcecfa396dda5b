# The gateway over HTTP, and the token for it, which the Jupyter server gives on its local socket and this kernel keeps in
# memory.  No proxy, redirect or cookie is followed.

ANSWER_SECONDS <- 60
SILENCE_SECONDS <- 60
TOKEN_SECONDS <- 10
CONNECT_SECONDS <- 10
CONNECT_TRIES <- 4
MARGIN <- 0.2 # the part of its life at whose beginning a token is renewed
SIGNED_OUT <- 401L
ARROW <- "application/vnd.apache.arrow.stream"

kept <- new.env(parent = emptyenv())
kept$token <- ""
kept$good_until <- 0

clock_seconds <- function() proc.time()[["elapsed"]]

setting <- function(name) {
  value <- Sys.getenv(name)
  if (nzchar(value)) return(value)
  stop(swap_condition("unavailable", "This R does not run inside SWAP.",
    why = paste(name, "is not set."), todo = "Open a notebook from SWAP's home page and use swap there."
  ))
}

# A token that is still good for a while, and is not the one that the gateway refused.
bearer <- function(refused = "") {
  if (!nzchar(kept$token) || kept$token == refused || clock_seconds() >= kept$good_until) {
    told <- ask_token(setting("SWAP_TOKEN_SOCKET"))
    kept$token <- told$token
    ends <- as.POSIXct(told$expires_at, format = "%Y-%m-%dT%H:%M:%OS", tz = "UTC")
    # From here on a clock counts that nobody sets: setting the machine's must not keep a dead token.
    lives <- as.numeric(difftime(ends, Sys.time(), units = "secs"))
    kept$good_until <- clock_seconds() + max(0, lives * (1 - MARGIN))
  }
  kept$token
}

ask_token <- function(socket) {
  no_access <- function(why) {
    stop(swap_condition("unavailable", "Your Jupyter server gives this notebook no access to SWAP.",
      why = paste0("Its token socket does not answer (", why, ")."),
      todo = "Restart your server from SWAP's home page; your notebooks are as you left them."
    ))
  }
  handle <- curl::new_handle(unix_socket_path = socket, timeout = TOKEN_SECONDS, proxy = "")
  answer <- tryCatch(curl::curl_fetch_memory("http://swap/token", handle), error = function(e) no_access(conditionMessage(e)))
  told <- parsed(answer$content)
  if (!is.null(told$error)) stop(condition_from(told$error, answer$status_code))
  if (!is.character(told$token)) no_access("it gave no token")
  told
}

parsed <- function(bytes) {
  text <- rawToChar(bytes)
  Encoding(text) <- "UTF-8"
  told <- tryCatch(jsonlite::parse_json(text), error = function(e) NULL)
  if (is.list(told)) told else list()
}

# Send JSON, or bytes of Arrow, and return the JSON that comes back.
call_gateway <- function(method, path, body = NULL, query = list(), seconds = ANSWER_SECONDS) {
  pieces <- list()
  ask <- function() {
    pieces <<- list()
    request(method, path, body, query, list(timeout = seconds), function(bytes) pieces[[length(pieces) + 1L]] <<- bytes)
  }
  # What changes nothing may be asked once more when the connection is lost.
  if (method == "GET") tryCatch(ask(), swap_unreachable = function(error) ask()) else ask()
  told <- parsed(do.call(c, c(list(raw()), pieces)))
  if (!length(told)) stop(condition_from(NULL, 200L))
  told
}

# Send a request and give its answer's bytes to `take` as they come; a refused token is renewed once.
#
# `take` may end the request by an error of its own.
request <- function(method, path, body, query, options, take) {
  target <- paste0(sub("/$", "", setting("SWAP_GATEWAY")), path, if (length(query)) paste0("?", encoded(query)))
  token <- bearer()
  told <- sent(method, target, body, token, options, take)
  if (told$status == SIGNED_OUT) told <- sent(method, target, body, bearer(refused = token), options, take)
  if (told$status >= 300L) stop(condition_from(parsed(told$refusal)$error, told$status))
}

encoded <- function(query) {
  query <- Filter(Negate(is.null), query)
  paste0(names(query), "=", vapply(query, function(value) curl::curl_escape(as.character(value)), ""), collapse = "&")
}

sent <- function(method, target, body, token, options, take) {
  refusal <- raw()
  handle <- handle_for(method, body, token, options)
  heard <- function(bytes) {
    if (curl::handle_data(handle)$status_code >= 300L) refusal <<- c(refusal, bytes) else take(bytes)
  }
  for (try in seq_len(CONNECT_TRIES)) {
    failed <- tryCatch(
      { curl::curl_fetch_stream(target, heard, handle); NULL },
      # What `take` ends the request by is no failure of it.
      error = function(e) if (inherits(e, "swap_signal") || inherits(e, "swap_error")) stop(e) else e
    )
    if (is.null(failed)) return(list(status = curl::handle_data(handle)$status_code, refusal = refusal))
    # Nothing has been sent when no connection came about, so trying again is safe for every method.
    if (!grepl("connect to|resolve host", conditionMessage(failed)) || try == CONNECT_TRIES) break
    Sys.sleep(0.25)
    handle <- handle_for(method, body, token, options)
  }
  stop(unreachable(conditionMessage(failed)))
}

handle_for <- function(method, body, token, options) {
  handle <- curl::new_handle(
    customrequest = method, proxy = "", followlocation = FALSE, connecttimeout = CONNECT_SECONDS, .list = options
  )
  curl::handle_setheaders(handle,
    Authorization = paste("Bearer", token), "Content-Type" = if (is.raw(body)) ARROW else "application/json", "Accept-Encoding" = "identity", Expect = ""
  )
  if (!is.null(body)) {
    bytes <- if (is.raw(body)) body else charToRaw(enc2utf8(body))
    curl::handle_setopt(handle, post = TRUE, postfieldsize = length(bytes), postfields = bytes, customrequest = method)
  }
  handle
}
