# What a cell shows, as MIME bundles (docs/reference/cell-formats.md), and as text where nobody draws them.

PROGRESS <- "application/vnd.swap.progress+json"
RESULT <- "application/vnd.swap.result+json"
LONG <- 2000L # characters of one value that are kept in a notebook
CELL_WIDTH <- 48L
PAGE_WIDTH <- 160L
MARKS <- c(done = "\u2713", active = "\u25b8", todo = "\u00b7")

# IRkernel's executor, which sends outputs and knows the cell; NULL outside a kernel.
executor <- function() {
  display <- getOption("jupyter.base_display_func")
  if (is.function(display)) environment(display)
}

# Where a query shows what it does: one output of its cell, from its progress to its table; or nothing.
new_place <- function() {
  kernel <- executor()
  request <- if (!is.null(kernel)) kernel$current_request
  id <- paste0("swap-", fresh_name())
  drawn <- FALSE
  draw <- function(bundle) {
    if (is.null(request)) return()
    kernel$send_response(
      if (drawn) "update_display_data" else "display_data", request, "iopub",
      list(data = bundle, metadata = none(), transient = list(display_id = id))
    )
    drawn <<- TRUE
  }
  list(
    progress = function(state, name) draw(progress_bundle(state, name)),
    show = draw,
    end = function(line) draw(list("text/plain" = line)),
    # One line in the place of progress, for an error that the notebook's code catches.
    fail = function(line) if (drawn) draw(list("text/plain" = line)),
    # The whole in the same place, while the cell that began it still runs; tells whether it was.
    replace = function(bundle) {
      if (is.null(request) || !identical(request$header$msg_id, kernel$current_request$header$msg_id)) return(FALSE)
      draw(bundle)
      TRUE
    }
  )
}

none <- function() structure(list(), names = character())

# Show a result in a cell, and tell whether there is one.  The cell that ran the query has an output for it already.
show_result <- function(result) {
  if (is.null(executor())) return(FALSE)
  held <- about(result, "held")
  bundle <- result_bundle(result)
  if (is.null(held$place) || !held$place$replace(bundle)) new_place()$show(bundle)
  held$place <- NULL
  TRUE
}

progress_bundle <- function(state, name) {
  data <- state
  data["name"] <- list(name)
  bundle <- list(written(data), progress_text(state))
  names(bundle) <- c(PROGRESS, "text/plain")
  bundle
}

result_bundle <- function(result) {
  state <- about(result, "state")
  page <- about(result, "page")
  data <- list(
    version = 1L, id = about(result, "id"), name = about(result, "name"), rows = page$total, seconds = state$elapsed,
    source_bytes = sum(0, unlist(state$source_bytes)), bytes = state$bytes %||% 0, summary = state$summary %||% "",
    stages = state$stages %||% list(), notices = state$notices %||% list(), home = Sys.getenv("SWAP_HOME_URL"),
    columns = page$columns,
    # The chart's button writes Python.
    variable = NULL, chart = NULL,
    page = list(offset = page$offset, rows = lapply(page$rows, function(row) lapply(row, shortened)))
  )
  bundle <- list(written(data), result_html(result), result_text(result))
  names(bundle) <- c(RESULT, "text/html", "text/plain")
  bundle
}

# A value as IRkernel writes it as JSON: what is null is NA there.
written <- function(value) {
  if (is.null(value)) return(NA)
  if (is.list(value)) lapply(value, written) else value
}

shortened <- function(value) {
  if (is.null(value) || nchar(value) <= LONG) value else paste0(substr(value, 1L, LONG - 1L), "\u2026")
}

# ── Text ────────────────────────────────────────────────────────────────────────────────────────────
progress_text <- function(state) {
  stages <- vapply(state$stages %||% list(), function(stage) {
    took <- if (is.null(stage$start)) "" else seconds_text(max(0, (stage$end %||% state$elapsed) - stage$start))
    mark <- if (stage$state %in% names(MARKS)) MARKS[[stage$state]] else MARKS[["todo"]]
    parts <- c(paste0("  ", mark, " ", stage$label), stage$detail %||% "", took)
    paste(parts[nzchar(parts)], collapse = "  ")
  }, "")
  note <- state$note %||% ""
  safe(paste(c(paste0(state$headline, ", ", seconds_text(state$elapsed)), stages, if (nzchar(note)) paste0("  ", note)), collapse = "\n"))
}

summary_text <- function(result) {
  name <- about(result, "name")
  line <- paste0(if (!is.null(name)) paste0(name, ": "), facts(result), ", ", seconds_text(about(result, "state")$elapsed))
  safe(paste(c(line, unlist(about(result, "state")$notices)), collapse = "\n"))
}

facts <- function(result) {
  page <- about(result, "page")
  paste(count_text(page$total, "row"), "\u00d7", count_text(length(page$columns), "column"))
}

result_text <- function(result) paste0(table_text(about(result, "page")), "\n\n", summary_text(result))

# Head, types and rows, numbers at the right; columns that do not fit are named below.
table_text <- function(page) {
  lines <- padded(c("", "", seq_along(page$rows) + page$offset), right = TRUE)
  room <- PAGE_WIDTH - nchar(lines[[1L]])
  left <- character()
  for (number in seq_along(page$columns)) {
    column <- page$columns[[number]]
    cells <- vapply(page$rows, function(row) cell_text(row[[number]], column), "")
    block <- padded(c(one_line(column$name), column$type, cells), right = identical(column$align, "right"))
    room <- room - 2L - nchar(block[[1L]], "width")
    if (length(left) || room < 0L && number > 1L) left <- c(left, one_line(column$name)) else lines <- paste0(lines, "  ", block)
  }
  rule <- strrep("\u2500", max(nchar(lines, "width")))
  lines <- c(lines[1:2], rule, lines[-(1:2)])
  if (length(left)) lines <- c(lines, paste0("and ", count_text(length(left), "more column"), ": ", paste(left, collapse = ", ")))
  paste(sub(" +$", "", lines), collapse = "\n")
}

padded <- function(texts, right) {
  pads <- strrep(" ", max(nchar(texts, "width")) - nchar(texts, "width"))
  if (right) paste0(pads, texts) else paste0(texts, pads)
}

cell_text <- function(value, column) {
  if (is.null(value)) "null" else if (isTRUE(column$group)) grouped(value) else one_line(value)
}

grouped <- function(text) {
  if (!grepl("^-?[0-9]+(\\.[0-9]+)?$", text)) return(text)
  parts <- strsplit(text, ".", fixed = TRUE)[[1L]]
  whole <- gsub("(?<=[0-9])(?=([0-9]{3})+$)", ",", parts[[1L]], perl = TRUE)
  paste(c(whole, parts[-1L]), collapse = ".")
}

# A value on one line, its control characters made visible, cut at a width.
one_line <- function(text) {
  if (!nzchar(text)) return('""')
  shown <- visible(substr(text, 1L, CELL_WIDTH + 1L))
  if (nchar(shown) <= CELL_WIDTH) shown else paste0(substr(shown, 1L, CELL_WIDTH - 1L), "\u2026")
}

# Text with everything but its line ends made visible: what a source stores must not move somebody's cursor.
safe <- function(text) paste(visible(strsplit(text, "\n", fixed = TRUE)[[1L]]), collapse = "\n")

visible <- function(texts) {
  hidden <- "[\\p{C}\\p{Zl}\\p{Zp}]"
  vapply(enc2utf8(texts), function(text) {
    while ((at <- regexpr(hidden, text, perl = TRUE)) > 0L) {
      code <- utf8ToInt(substr(text, at, at))
      form <- if (is.na(code)) "?" else sprintf(if (code < 256L) "\\x%02x" else "\\u%04x", code)
      text <- paste0(substr(text, 1L, at - 1L), form, substring(text, at + 1L))
    }
    text
  }, "", USE.NAMES = FALSE)
}

count_text <- function(number, noun) {
  paste0(grouped(format(number, scientific = FALSE)), " ", noun, if (number != 1) "s")
}

seconds_text <- function(seconds) {
  if (seconds < 1) sprintf("%.2f s", seconds) else if (seconds < 60) sprintf("%.1f s", seconds) else {
    sprintf("%d m %02d s", as.integer(seconds) %/% 60L, as.integer(seconds) %% 60L)
  }
}

# ── A table that needs no style sheet ───────────────────────────────────────────────────────────────
result_html <- function(result) {
  page <- about(result, "page")
  aligned <- function(column) paste0(' style="text-align:', if (identical(column$align, "right")) "right" else "left", '"')
  heads <- vapply(page$columns, function(column) {
    paste0("<th scope=\"col\"", aligned(column), ">", escaped(column$name), "<br><small>", escaped(column$type), "</small></th>")
  }, "")
  rows <- vapply(page$rows, function(row) {
    cells <- vapply(seq_along(page$columns), function(number) {
      value <- row[[number]]
      column <- page$columns[[number]]
      text <- if (is.null(value)) "<small>null</small>" else escaped(if (isTRUE(column$group)) grouped(value) else substr(value, 1L, 300L))
      paste0("<td dir=\"auto\"", aligned(column), ">", text, "</td>")
    }, "")
    paste0("<tr>", paste(cells, collapse = ""), "</tr>")
  }, "")
  lines <- strsplit(summary_text(result), "\n", fixed = TRUE)[[1L]]
  paste0(
    "<div>", paste0("<p>", escaped(lines), "</p>", collapse = ""), "<table><thead><tr>", paste(heads, collapse = ""),
    "</tr></thead><tbody>", paste(rows, collapse = ""), "</tbody></table></div>"
  )
}

escaped <- function(texts) {
  for (pair in list(c("&", "&amp;"), c("<", "&lt;"), c(">", "&gt;"), c('"', "&quot;"))) {
    texts <- gsub(pair[[1L]], pair[[2L]], texts, fixed = TRUE)
  }
  texts
}
