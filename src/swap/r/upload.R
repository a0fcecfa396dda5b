# A person's own data frame as an Arrow IPC stream, for a statement to read.  What cannot be sent is refused in words.

UPLOAD_SECONDS <- 600
CHUNK_ROWS <- 100000L

# Send own tables, and return the JSON that names them.
tables_json <- function(tables) {
  if (!length(tables)) return("{}")
  if (!is.list(tables) || is.data.frame(tables) || is.null(names(tables))) {
    stop(refused("Tables of yours have names.", 'Write swap_sql("\u2026 FROM mine", tables = list(mine = df)).'))
  }
  ids <- vapply(names(tables), function(name) {
    quoted(call_gateway("POST", "/v1/uploads", arrow_stream(name, tables[[name]]), seconds = UPLOAD_SECONDS)$id)
  }, "")
  paste0("{", paste0(vapply(names(tables), quoted, ""), ":", ids, collapse = ","), "}")
}

# Bytes of a stream: the schema, a batch for each so many rows, the end mark.
arrow_stream <- function(name, table) {
  if (inherits(table, "swap_result")) table <- frame(table)
  if (!is.data.frame(table)) {
    stop(refused(paste0("tables$", name, " is a ", class(table)[[1L]], ", not a table."), "Pass a data frame or a result of swap_sql."))
  }
  demand_names(name, names(table))
  kinds <- lapply(names(table), function(column) kind_of(name, column, table[[column]]))
  begins <- seq(0L, max(0L, nrow(table) - 1L), by = CHUNK_ROWS)
  batches <- lapply(begins, function(begin) {
    rows <- begin + seq_len(min(CHUNK_ROWS, nrow(table) - begin))
    batch_message(lapply(unclass(table), `[`, rows), kinds, length(rows))
  })
  do.call(c, c(list(schema_message(names(table), kinds)), batches, list(bytes_of(c(-1L, 0L)))))
}

demand_names <- function(name, columns) {
  twice <- columns[duplicated(tolower(columns))]
  if (length(twice)) {
    stop(refused(
      paste0("Your table ", name, " has two columns called ", twice[[1L]], "."), "Rename one of them.",
      "SQL does not tell them apart. Nothing was run."
    ))
  }
  if (!length(columns)) stop(refused(paste0("Your table ", name, " has no columns."), "Add one."))
}

# ── Columns ─────────────────────────────────────────────────────────────────────────────────────────
# A kind is a type of Arrow's by its number, the fields of its table, and what makes a column's buffers of its values.
KINDS <- list(
  logical = list(type = 6L, fields = list(), buffers = function(x) list(packed(x %in% TRUE))),
  integer = list(type = 2L, fields = list(int = 32L, flag = TRUE), buffers = function(x) list(bytes_of(filled(x)))),
  integer64 = list(type = 2L, fields = list(int = 64L, flag = TRUE), buffers = function(x) list(writeBin(as.vector(unclass(x)), raw(), endian = "little"))),
  numeric = list(type = 3L, fields = list(short = 2L), buffers = function(x) list(writeBin(as.double(x), raw(), endian = "little"))),
  character = list(type = 5L, fields = list(), buffers = function(x) {
    texts <- enc2utf8(as.character(x))
    texts[is.na(texts)] <- ""
    sizes <- nchar(texts, "bytes")
    list(bytes_of(as.integer(c(0, cumsum(sizes)))), charToRaw(paste(texts, collapse = "")))
  }),
  Date = list(type = 8L, fields = list(short = 0L), buffers = function(x) list(bytes_of(as.integer(filled(floor(as.numeric(x))))))),
  POSIXct = list(type = 10L, fields = list(short = 2L), buffers = function(x) list(longs(filled(round(as.numeric(x) * 1e6)))))
)

kind_of <- function(name, column, values) {
  kind <- if (is.factor(values)) "character" else {
    Find(function(kind) inherits(values, kind), c("integer64", "Date", "POSIXct")) %||%
      if (is.object(values) || is.list(values)) class(values)[[1L]] else if (is.double(values)) "numeric" else typeof(values)
  }
  endless <- kind %in% c("Date", "POSIXct") && any(is.infinite(unclass(values)))
  if (is.null(KINDS[[kind]]) || endless) {
    stop(refused(
      paste0("The column ", column, " of your table ", name, " cannot be sent."), "Make it text or numbers.",
      paste0("It has ", if (endless) "moments without end" else paste("values of the kind", kind), ", which no statement takes. Nothing was run.")
    ))
  }
  KINDS[[kind]]
}

missing_in <- function(values) {
  if (inherits(values, "integer64")) bit64_missing(values) else if (is.object(values)) is.na(values) else is.na(values) & !is_nan(values)
}

filled <- function(values) {
  values[is.na(values)] <- 0L
  values
}

packed <- function(flags) packBits(c(flags, logical(-length(flags) %% 8L)))

bytes_of <- function(integers) writeBin(integers, raw(), 4L, endian = "little")

# Whole numbers of 64 bits.  R has -2^31 for NA, and writes it as that number.
longs <- function(numbers) {
  high <- floor(numbers / 2^32)
  low <- numbers - high * 2^32
  low <- ifelse(low >= 2^31, low - 2^32, low)
  bytes_of(suppressWarnings(as.integer(rbind(high, low)[2:1, ])))
}

# ── Messages ────────────────────────────────────────────────────────────────────────────────────────
VERSION <- 4L # of Arrow's metadata: V5

message_of <- function(kind, header, body) {
  table <- flat_table(list(short = VERSION, byte = kind, child = header, long = length(body)))
  bytes <- eights(flat_bytes(table))
  c(bytes_of(c(-1L, length(bytes))), bytes, body)
}

schema_message <- function(names, kinds) {
  fields <- Map(function(name, kind) {
    flat_table(list(
      child = flat_text(name), flag = TRUE, byte = kind$type, child = flat_table(kind$fields), none = NULL, child = flat_tables(list())
    ))
  }, names, kinds)
  message_of(SCHEMA, flat_table(list(short = 0L, child = flat_tables(unname(fields)))), raw())
}

batch_message <- function(columns, kinds, n) {
  body <- list()
  nodes <- numeric()
  places <- numeric()
  at <- 0
  for (number in seq_along(columns)) {
    nulls <- missing_in(columns[[number]])
    buffers <- c(list(if (any(nulls)) packed(!nulls) else raw()), kinds[[number]]$buffers(columns[[number]]))
    nodes <- c(nodes, n, sum(nulls))
    for (buffer in buffers) {
      places <- c(places, at, length(buffer))
      body[[length(body) + 1L]] <- eights(buffer)
      at <- at + length(body[[length(body)]])
    }
  }
  header <- flat_table(list(long = n, child = flat_pairs(nodes), child = flat_pairs(places)))
  message_of(BATCH, header, do.call(c, body))
}

eights <- function(bytes) c(bytes, raw(-length(bytes) %% 8L))

# ── FlatBuffers ─────────────────────────────────────────────────────────────────────────────────────
# A part is a function of the place at which it is written; it returns its bytes and where in them it begins.  A table comes
# before its children, so that all places point forward.

flat_bytes <- function(root) {
  written <- root(4)
  c(bytes_of(as.integer(4 + written$begin)), written$bytes)
}

flat_text <- function(text) function(place) {
  bytes <- charToRaw(enc2utf8(text))
  aligned(place, 4, 0, c(bytes_of(length(bytes)), bytes, raw(1)))
}

# A vector of structs of two numbers of 64 bits each, which begin at multiples of 8.
flat_pairs <- function(numbers) function(place) aligned(place, 8, 4, c(bytes_of(length(numbers) %/% 2L), longs(numbers)))

aligned <- function(place, size, offset, bytes) {
  pad <- (offset - place) %% size
  list(bytes = c(raw(pad), bytes), begin = pad)
}

flat_tables <- function(tables) function(place) {
  head <- aligned(place, 4, 0, c(bytes_of(length(tables)), raw(4 * length(tables))))
  with_children(head, place, tables, head$begin + 4 * seq_along(tables))
}

SIZES <- c(byte = 1, flag = 1, short = 2, int = 4, child = 4, long = 8, none = 0)

# Fields by their numbers, each named as its kind.
flat_table <- function(fields) function(place) {
  kinds <- names(fields)
  at <- 4
  offsets <- numeric()
  for (kind in kinds) {
    size <- SIZES[[kind]]
    at <- at + (-at) %% max(1, size)
    offsets <- c(offsets, if (size) at else 0)
    at <- at + size
  }
  vtable <- writeBin(as.integer(c(4 + 2 * length(fields), at, offsets)), raw(), 2L, endian = "little")
  # The table begins at a multiple of 8, as the numbers of 64 bits in it do.
  pad <- (-(place + length(vtable))) %% 8
  inside <- raw(at - 4)
  for (number in seq_along(fields)) {
    bytes <- switch(kinds[[number]],
      byte = , flag = as.raw(fields[[number]]), short = writeBin(as.integer(fields[[number]]), raw(), 2L, endian = "little"),
      int = bytes_of(as.integer(fields[[number]])), long = longs(fields[[number]]), raw()
    )
    inside[offsets[[number]] - 4 + seq_along(bytes)] <- bytes
  }
  begin <- pad + length(vtable)
  head <- list(bytes = c(raw(pad), vtable, bytes_of(length(vtable)), inside), begin = begin)
  children <- which(kinds == "child")
  with_children(head, place, fields[children], begin + offsets[children])
}

# Write children behind a part, and where they are at its places.
with_children <- function(head, place, children, places) {
  for (number in seq_along(children)) {
    child <- children[[number]](place + length(head$bytes))
    begins <- length(head$bytes) + child$begin
    head$bytes[places[[number]] + 1:4] <- bytes_of(as.integer(begins - places[[number]]))
    head$bytes <- c(head$bytes, child$bytes)
  }
  head
}
