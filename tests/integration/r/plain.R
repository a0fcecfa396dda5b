# Read Arrow streams with swap's reader, and write what R then has as JSON: `plain.R load.R stream pieces …`.
#
# A stream is given to the reader in pieces of so many bytes.

arguments <- commandArgs(TRUE)
source(arguments[[1L]], chdir = TRUE)
inside <- environment(swap_sql)

plain <- function(value) {
  if (is.null(value)) return(NULL)
  if (is.raw(value)) return(paste(value, collapse = ""))
  if (is.data.frame(value)) {
    return(lapply(seq_len(nrow(value)), function(row) {
      lapply(as.list(value), function(column) plain(if (is.data.frame(column)) column[row, , drop = FALSE] else column[[row]]))
    }))
  }
  if (is.list(value)) return(lapply(value, plain))
  one <- function(item) {
    if (inherits(value, "integer64")) return(if (is.na(item)) NULL else as.character(item))
    item <- unclass(item)
    if (is.double(item) && is.nan(item)) return("NaN")
    if (is.na(item)) return(NULL)
    if (is.numeric(item)) sprintf("%.17g", item) else item
  }
  items <- lapply(seq_along(value), function(at) one(value[[at]]))
  if (length(items) == 1L) items[[1L]] else items
}

read <- function(path, size) {
  bytes <- readBin(path, "raw", file.size(path))
  reader <- inside$arrow_reader()
  for (begin in seq(1, length(bytes), by = size)) {
    inside$arrow_add(reader, bytes[begin:min(length(bytes), begin + size - 1)])
  }
  warned <- character()
  frame <- withCallingHandlers(inside$frame_of(reader), warning = function(w) {
    warned <<- c(warned, conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  list(
    ended = reader$ended, rows = nrow(frame), names = as.list(names(frame)), warnings = as.list(warned),
    classes = lapply(seq_along(frame), function(at) as.list(class(frame[[at]]))),
    columns = lapply(seq_along(frame), function(at) {
      column <- frame[[at]]
      if (is.data.frame(column)) return(plain(column))
      lapply(seq_len(nrow(frame)), function(row) plain(column[[row]]))
    })
  )
}

streams <- matrix(arguments[-1L], nrow = 2L)
answers <- lapply(seq_len(ncol(streams)), function(at) read(streams[1L, at], as.numeric(streams[2L, at])))
cat(jsonlite::toJSON(answers, auto_unbox = TRUE, null = "null", na = "null"))
