# Arrow IPC streams, message by message: a schema, then batches.  Debian has no package of R that reads them.
#
# An array is a list of n (how many values), valid (NULL, or which are no nulls), and what its type needs of data (bytes),
# values (R's), starts and sizes (of lists), children (arrays).

TYPES <- c(
  "null", "int", "float", "binary", "utf8", "bool", "decimal", "date", "time", "timestamp", "interval", "list", "struct",
  "union", "fixed_binary", "fixed_list", "map", "duration", "large_binary", "large_utf8", "large_list"
)
SCHEMA <- 1L
DICTIONARY <- 2L
BATCH <- 3L
ENDED <- "ended"

# Reads messages out of bytes that come piece by piece.
#
# `add` takes bytes in and reads each message that is whole by then.  `fields` is NULL until the schema came; `batches`
# are lists of arrays, `rows` their rows, and `ended` tells whether the end mark came.
arrow_reader <- function() {
  reader <- new.env(parent = emptyenv())
  reader$fields <- NULL
  reader$batches <- list()
  reader$rows <- 0
  reader$ended <- FALSE
  reader$dictionaries <- list()
  reader$pieces <- list()
  reader$size <- 0
  reader$wanted <- 8
  reader
}

# What comes next is a stream of the same schema, which goes on where the last one broke off.
arrow_anew <- function(reader) {
  reader$pieces <- list()
  reader$size <- 0
  reader$wanted <- 8
  reader$ended <- FALSE
}

arrow_add <- function(reader, bytes) {
  reader$pieces[[length(reader$pieces) + 1L]] <- bytes
  reader$size <- reader$size + length(bytes)
  # Pieces are put together when a message is whole, not with each that comes.
  while (!reader$ended && reader$size >= reader$wanted) {
    whole <- if (length(reader$pieces) == 1L) reader$pieces[[1L]] else do.call(c, reader$pieces)
    used <- arrow_message(reader, whole)
    if (used > 0) whole <- whole[seq_len(length(whole) - used) + used]
    reader$pieces <- list(whole)
    reader$size <- length(whole)
  }
}

# Read the message at the beginning if it is whole; return its bytes.  Else set how many are wanted, and return 0.
arrow_message <- function(reader, bytes) {
  if (length(bytes) < 8) { reader$wanted <- 8; return(0) }
  if (int_at(bytes, 0) != -1L) stop("no Arrow message")
  head <- int_at(bytes, 4)
  if (head == 0L) { reader$ended <- TRUE; return(8) }
  if (length(bytes) < 8 + head) { reader$wanted <- 8 + head; return(0) }
  message <- bytes[8 + seq_len(head)]
  table <- root_table(message)
  size <- scalar_of(message, table, 3, long_at, 0)
  if (length(bytes) < 8 + head + size) { reader$wanted <- 8 + head + size; return(0) }
  body <- bytes[8 + head + seq_len(size)]
  kind <- scalar_of(message, table, 1, byte_at, 0L)
  header <- table_of(message, table, 2)
  if (kind == SCHEMA) {
    reader$fields <- lapply(tables_of(message, header, 1), function(at) arrow_field(message, at))
  } else if (kind == DICTIONARY) {
    arrow_dictionary(reader, message, header, body)
  } else if (kind == BATCH) {
    reader$batches[[length(reader$batches) + 1L]] <- arrow_batch(reader, message, header, body, reader$fields)
    reader$rows <- reader$rows + scalar_of(message, header, 0, long_at, 0)
  } else {
    stop("an Arrow message of an unknown kind")
  }
  reader$wanted <- 8
  8 + head + size
}

# A field: its name, type, what belongs to its type, and its children.
arrow_field <- function(message, at) {
  number <- scalar_of(message, at, 2, byte_at, 0L)
  type <- if (number >= 1L && number <= length(TYPES)) TYPES[[number]] else paste("of number", number)
  about <- table_of(message, at, 3)
  field <- list(
    name = text_of(message, at, 0),
    type = type,
    children = lapply(tables_of(message, at, 5), function(child) arrow_field(message, child)),
    dictionary = NULL
  )
  given <- function(number, read, default) if (is.na(about)) default else scalar_of(message, about, number, read, default)
  field <- c(field, switch(type,
    int = list(bits = given(0, int_at, 0L), signed = given(1, byte_at, 0L) == 1L),
    float = list(bits = c(16L, 32L, 64L)[given(0, short_at, 0L) + 1L]),
    decimal = list(scale = given(1, int_at, 0L), bits = given(2, int_at, 128L)),
    date = list(unit = given(0, short_at, 1L), bits = if (given(0, short_at, 1L) == 0L) 32L else 64L),
    time = list(unit = given(0, short_at, 1L), bits = given(1, int_at, 32L)),
    timestamp = list(unit = given(0, short_at, 0L), bits = 64L),
    duration = list(unit = given(0, short_at, 1L), bits = 64L),
    interval = list(unit = given(0, short_at, 0L), bits = c(32L, 64L, 128L)[given(0, short_at, 0L) + 1L]),
    fixed_binary = list(bits = 8L * given(0, int_at, 0L)),
    fixed_list = list(size = given(0, int_at, 0L))
  ))
  encoding <- table_of(message, at, 4)
  if (is.na(encoding)) return(field)
  index <- table_of(message, encoding, 1)
  list(
    name = field$name,
    type = "int",
    bits = if (is.na(index)) 32L else scalar_of(message, index, 0, int_at, 0L),
    signed = is.na(index) || scalar_of(message, index, 1, byte_at, 0L) == 1L,
    children = list(),
    dictionary = list(id = format(scalar_of(message, encoding, 0, long_at, 0), scientific = FALSE), field = field)
  )
}

# The field of a dictionary's id, wherever it is in the schema.
arrow_encoded <- function(fields, id) {
  for (field in fields) {
    if (!is.null(field$dictionary) && field$dictionary$id == id) return(field$dictionary$field)
    inside <- if (is.null(field$dictionary)) field$children else field$dictionary$field$children
    found <- arrow_encoded(inside, id)
    if (!is.null(found)) return(found)
  }
  NULL
}

arrow_dictionary <- function(reader, message, header, body) {
  id <- format(scalar_of(message, header, 0, long_at, 0), scientific = FALSE)
  field <- arrow_encoded(reader$fields, id)
  array <- arrow_batch(reader, message, table_of(message, header, 1), body, list(field))[[1L]]
  if (scalar_of(message, header, 2, byte_at, 0L) == 1L) array <- arrays_joined(list(reader$dictionaries[[id]], array))
  reader$dictionaries[[id]] <- array
}

# The arrays of one batch: its nodes and buffers are in the order of the fields, each before its children.
arrow_batch <- function(reader, message, table, body, fields) {
  if (!is.na(field_at(message, table, 3))) stop("a compressed Arrow batch")
  nodes <- elements_of(message, table, 1, 16)
  buffers <- elements_of(message, table, 2, 16)
  at <- new.env(parent = emptyenv())
  at$node <- 0L
  at$buffer <- 0L
  node <- function() {
    at$node <- at$node + 1L
    c(long_at(message, nodes[[at$node]]), long_at(message, nodes[[at$node]] + 8))
  }
  buffer <- function() {
    at$buffer <- at$buffer + 1L
    place <- buffers[[at$buffer]]
    body[long_at(message, place) + seq_len(long_at(message, place + 8))]
  }
  lapply(fields, function(field) arrow_array(reader, field, node, buffer))
}

arrow_array <- function(reader, field, node, buffer) {
  counts <- node()
  n <- counts[[1L]]
  if (field$type == "null") return(list(n = n, valid = logical(n)))
  mask <- buffer()
  array <- list(n = n, valid = if (counts[[2L]] > 0 && length(mask) > 0) bits_set(mask, n))
  child <- function(number) arrow_array(reader, field$children[[number]], node, buffer)
  type <- field$type
  if (type %in% c("utf8", "large_utf8", "binary", "large_binary")) {
    ends <- offsets_of(buffer(), n, type %in% c("large_utf8", "large_binary"))
    data <- buffer()
    array$values <- if (type %in% c("utf8", "large_utf8")) texts_of(data, ends) else raws_of(data, ends)
  } else if (type %in% c("list", "large_list", "map")) {
    ends <- offsets_of(buffer(), n, type == "large_list")
    array$starts <- ends[seq_len(n)]
    array$sizes <- diff(ends)
    array$children <- list(child(1L))
  } else if (type == "fixed_list") {
    array$starts <- (seq_len(n) - 1) * field$size
    array$sizes <- rep(field$size, n)
    array$children <- list(child(1L))
  } else if (type == "struct") {
    array$children <- lapply(seq_along(field$children), child)
  } else if (type == "bool") {
    array$values <- bits_set(buffer(), n)
  } else if (!is.null(field$bits)) {
    array$data <- buffer()[seq_len(n * field$bits / 8)]
  } else {
    stop(not_read(field))
  }
  if (is.null(field$dictionary)) array else decoded(reader, field, array)
}

# The values that an array's numbers stand for: a dictionary may be another one with the next batch.
decoded <- function(reader, field, array) {
  of <- field$dictionary
  field$dictionary <- NULL
  values <- column_of(of$field, reader$dictionaries[[of$id]])
  list(n = array$n, valid = NULL, made = rows_at(values, column_of(field, array) + 1))
}

# One array of several of a field, one behind the other.
arrays_joined <- function(arrays) {
  if (length(arrays) == 1L) return(arrays[[1L]])
  part <- function(name) lapply(arrays, `[[`, name)
  counts <- vapply(arrays, `[[`, numeric(1), "n")
  joined <- list(n = sum(counts), valid = NULL)
  if (!all(vapply(part("valid"), is.null, logical(1)))) {
    joined$valid <- unlist(lapply(arrays, function(array) if (is.null(array$valid)) rep(TRUE, array$n) else array$valid))
  }
  for (name in c("data", "values", "sizes")) if (!is.null(arrays[[1L]][[name]])) joined[[name]] <- do.call(c, part(name))
  if (!is.null(arrays[[1L]]$made)) joined$made <- values_joined(part("made"))
  if (!is.null(arrays[[1L]]$children)) {
    joined$children <- lapply(seq_along(arrays[[1L]]$children), function(number) {
      arrays_joined(lapply(arrays, function(array) array$children[[number]]))
    })
  }
  if (!is.null(arrays[[1L]]$starts)) {
    before <- c(0, cumsum(vapply(arrays, function(array) array$children[[1L]]$n, numeric(1))))
    joined$starts <- unlist(lapply(seq_along(arrays), function(number) arrays[[number]]$starts + before[[number]]))
  }
  joined
}

# ── Buffers ─────────────────────────────────────────────────────────────────────────────────────────
bits_set <- function(bytes, n) as.logical(rawToBits(bytes[seq_len(ceiling(n / 8))]))[seq_len(n)]

# Where each of n values begins, and the last one ends.  No values may have no buffer.
offsets_of <- function(bytes, n, large) {
  if (n == 0) return(0)
  if (large) int64_numbers(bytes[seq_len(8 * (n + 1))]) else readBin(bytes, "integer", n + 1, 4L, endian = "little")
}

texts_of <- function(data, ends) {
  sizes <- diff(ends)
  if (!length(sizes)) return(character())
  # R's text ends at a zero byte; it says so itself.
  texts <- readChar(data[ends[[1L]] + seq_len(sum(sizes))], sizes, useBytes = TRUE)
  Encoding(texts) <- "UTF-8"
  texts
}

raws_of <- function(data, ends) {
  lapply(seq_len(length(ends) - 1), function(at) data[ends[[at]] + seq_len(ends[[at + 1L]] - ends[[at]])])
}
