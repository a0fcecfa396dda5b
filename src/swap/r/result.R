# A query's result: its first page at once, its rows when they are asked for.  It behaves as the data frame that it becomes.

TRIES <- 8L # in a row that bring no new batch, before a result is given up
AT_ONCE_SECONDS <- 1

# A list and no environment: R's own functions make a data frame of what is neither of both.
new_result <- function(run, statement, name, place, state, page, arrow) {
  held <- new.env(parent = emptyenv())
  held$arrow <- arrow
  held$came <- clock_seconds()
  held$place <- place
  held$frame <- NULL
  structure(
    list(id = run, statement = statement, name = name, state = state, page = page, held = held), class = "swap_result"
  )
}

about <- function(result, part) .subset2(result, part)

column_names <- function(result) vapply(about(result, "page")$columns, `[[`, "", "name")

# All rows, fetched once.
frame <- function(result) {
  held <- about(result, "held")
  if (is.null(held$frame)) held$frame <- frame_of(fetched(result, Inf))
  held$frame
}

# Read batches until there are enough rows, through lost connections: no row is missing, none comes twice.
fetched <- function(result, rows) {
  held <- about(result, "held")
  total <- about(result, "state")$rows
  reader <- arrow_reader()
  # Rows that came with the answer are for who wants them at once: whether a later reading is allowed, SWAP says.
  if (!is.null(held$arrow) && clock_seconds() - held$came < AT_ONCE_SECONDS) {
    arrow_add(reader, jsonlite::base64_dec(held$arrow))
  }
  held$arrow <- NULL
  failed <- 0L
  while (is.null(reader$fields) || reader$rows < min(rows, total)) {
    before <- length(reader$batches)
    tryCatch(fetch_on(result, reader, rows), swap_unreachable = function(error) NULL)
    failed <- if (length(reader$batches) > before || !is.null(reader$fields) && total == 0) 0L else failed + 1L
    if (failed >= TRIES || reader$rows > total) {
      stop(swap_condition("unavailable", "The result did not arrive whole.",
        why = sprintf("%.0f of %.0f rows came, in %d tries.", reader$rows, total, failed), todo = "Run the cell again."
      ))
    }
    if (failed) Sys.sleep(min(2, 0.1 * 2^failed))
  }
  reader
}

# Read what one connection brings, from the batch after the last whole one on.
fetch_on <- function(result, reader, rows) {
  arrow_anew(reader)
  options <- list(low_speed_limit = 1L, low_speed_time = SILENCE_SECONDS)
  tryCatch(
    request(
      "GET", paste0("/v1/queries/", about(result, "id"), "/result"), NULL, list(batch = length(reader$batches)), options,
      function(bytes) {
        arrow_add(reader, bytes)
        if (reader$rows >= rows) stop(enough())
      }
    ),
    swap_signal = function(signal) NULL,
    swap_not_found = function(error) stop(gone(about(result, "state")$expires_at))
  )
}

gone <- function(until) {
  swap_condition("not-found", "This result is gone.",
    why = if (is.null(until)) "SWAP keeps results for a while only, and this one's time is over." else {
      paste0("SWAP kept it until ", sub("T", " ", substr(until, 1L, 16L)), " UTC.")
    },
    todo = "Run the cell again."
  )
}

page_of <- function(run, offset, limit) {
  call_gateway("GET", paste0("/v1/queries/", run, "/page"),
    query = list(offset = format(offset, scientific = FALSE), limit = limit)
  )
}

# ── What R asks of a data frame ─────────────────────────────────────────────────────────────────────
METHODS <- list(
  as.data.frame = function(x, ...) frame(x),
  as.list = function(x, ...) as.list(frame(x), ...),
  dim = function(x) c(about(x, "state")$rows, length(column_names(x))),
  dimnames = function(x) list(as.character(seq_len(about(x, "state")$rows)), column_names(x)),
  names = column_names,
  length = function(x) length(column_names(x)),
  `$` = function(x, name) frame(x)[[name, exact = FALSE]],
  `[[` = function(x, ...) frame(x)[[...]],
  `[` = function(x, ...) frame(x)[...],
  summary = function(object, ...) summary(frame(object), ...),
  with = function(data, expr, ...) eval(substitute(expr), frame(data), enclos = parent.frame()),
  print = function(x, ...) {
    cat(result_text(x), "\n", sep = "")
    invisible(x)
  },
  format = function(x, ...) result_text(x),
  `$<-` = function(x, name, value) stop(unchanging()),
  `[[<-` = function(x, ..., value) stop(unchanging()),
  `[<-` = function(x, ..., value) stop(unchanging()),
  `names<-` = function(x, value) stop(unchanging())
)

unchanging <- function() {
  swap_condition("invalid", "A result does not change.", todo = "Make a data frame of it first: df <- as.data.frame(result).")
}

# Of packages that may be there or not.
METHODS_OF <- list(
  utils = list(
    # The first rows, without fetching the others.
    head = function(x, n = 6L, ...) {
      if (!is.null(about(x, "held")$frame) || length(n) != 1L || n < 0L) return(utils::head(frame(x), n, ...))
      utils::head(frame_of(fetched(x, n)), n)
    },
    tail = function(x, ...) utils::tail(frame(x), ...),
    str = function(object, ...) utils::str(frame(object), ...)
  ),
  repr = list(repr_text = function(obj, ...) {
    # The text comes first.  In a cell, SWAP's own output takes its place.
    if (show_result(obj)) "" else result_text(obj)
  }),
  ggplot2 = list(fortify = function(model, data, ...) frame(model))
)
