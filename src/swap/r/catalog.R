# What there is to ask: sources, tables and columns as this person may see them, readable or locked, as data frames.

LISTED <- 1000L

#' Return the sources that you may know of.
swap_sources <- function() {
  found <- plainly(call_gateway("GET", "/v1/catalog", query = list(fresh = "true")))$sources
  listing(found,
    name = text_in("name"), title = function(each) each$title %||% each$kind, kind = text_in("kind"),
    up = function(each) isTRUE(each$up), tables = function(each) each$tables$visible,
    readable = function(each) each$tables$readable, newest = text_in("newest"), harvested_at = text_in("harvested_at"),
    owner = text_in("owner")
  )
}

#' Return the first tables that you may know of, those whose name or comment has the pattern in it.
#'
#' A pattern with * or ? is matched with whole names: "lake.wmf.*".
swap_tables <- function(pattern = "", limit = LISTED) {
  how <- if (grepl("[*?]", pattern)) "like" else "text"
  found <- list()
  after <- ""
  repeat {
    query <- list(pattern, after, as.integer(min(LISTED, limit - length(found))))
    names(query) <- c(how, "after", "limit")
    page <- plainly(call_gateway("GET", "/v1/catalog/tables", query = query))
    found <- c(found, page$tables)
    after <- page$after %||% ""
    if (!nzchar(after) || length(found) >= limit) break
  }
  listing(found,
    name = text_in("written"), comment = text_in("comment"), rows = number_in("rows"),
    readable = function(each) isTRUE(each$readable)
  )
}

#' Return the columns of a table named source.schema.table, locked ones too.
swap_columns <- function(table) swap_describe(table)$columns

#' Return what SWAP knows about a table named source.schema.table.
swap_describe <- function(table) {
  parts <- if (is_text(table)) name_parts(table)
  if (length(parts) != 3L) {
    stop(swap_condition("invalid", "This is not the name of a table.",
      why = "Tables are named source.schema.table.", todo = "swap_tables() lists those that you may see."
    ))
  }
  path <- paste0("/v1/catalog/", paste(vapply(parts, curl::curl_escape, ""), collapse = "/"))
  found <- plainly(call_gateway("GET", path))
  list(
    name = found$name, comment = found$comment %||% "", owner = found$owner %||% "", rows = found$rows %||% NA_real_,
    rows_exact = isTRUE(found$rows_exact), bytes = found$bytes %||% NA_real_, newest = found$newest %||% NA_character_,
    partitions = as.character(unlist(found$partitions)),
    columns = listing(found$columns,
      name = text_in("name"), type = text_in("type"), comment = text_in("comment"),
      partition = function(each) isTRUE(each$partition), readable = function(each) isTRUE(each$readable),
      rule = text_in("rule"), because = text_in("because"), ask = text_in("ask")
    )
  )
}

# Its errors are raised where the person called.
plainly <- function(answer) {
  outcome <- tryCatch(answer, swap_error = identity)
  if (inherits(outcome, "condition")) stop(outcome)
  outcome
}

text_in <- function(part) function(each) each[[part]] %||% ""

number_in <- function(part) function(each) as.numeric(each[[part]] %||% NA)

# A data frame with a row for each item, and a column for each function.
listing <- function(items, ...) {
  columns <- lapply(list(...), function(column) {
    values <- lapply(items, column)
    if (length(values)) unlist(values) else character()
  })
  as_frame(columns, names(columns), length(items))
}

# The parts of a name that somebody wrote, with or without quotes.
name_parts <- function(name) {
  part <- '"(?:[^"]|"")+"|[^".]+'
  if (!grepl(paste0("^(", part, ")(\\.(", part, ")){2}$"), trimws(name), perl = TRUE)) return(NULL)
  parts <- regmatches(trimws(name), gregexpr(part, trimws(name), perl = TRUE))[[1L]]
  quoted <- startsWith(parts, '"')
  parts[quoted] <- gsub('""', '"', substring(parts[quoted], 2L, nchar(parts[quoted]) - 1L), fixed = TRUE)
  parts
}

#' Say in short what swap can do.
swap_help <- function() {
  cat(
    "swap_sql(\"SELECT \u2026\")                        asks; shows progress, and the first rows when the cell shows it",
    "swap_sql(\"\u2026 = :wiki\", list(wiki = \"dewiki\"))  with values, never as text of the statement",
    "as.data.frame(result), result$views, head(result)  its rows",
    "swap_sources(), swap_tables(\"wiki\")              what there is to ask",
    "swap_columns(\"lake.wmf.pageview_hourly\")         a table's columns, locked ones too",
    "swap_describe(\"lake.wmf.pageview_hourly\")        all that SWAP knows of a table",
    "More: Help in SWAP's portal, \u201cIn R\u201d.",
    sep = "\n"
  )
}
