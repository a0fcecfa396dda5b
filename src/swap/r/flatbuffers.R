# The few structures of FlatBuffers that Arrow's messages are made of.  Places are counted in bytes from 0; what is read
# is checked by R itself: a place out of the bytes is an error.

int_at <- function(bytes, at) readBin(bytes[at + 1:4], "integer", 1L, 4L, endian = "little")

short_at <- function(bytes, at) readBin(bytes[at + 1:2], "integer", 1L, 2L, signed = FALSE, endian = "little")

byte_at <- function(bytes, at) as.integer(bytes[at + 1])

# Sizes and places: below 2^53, so a number holds them.
long_at <- function(bytes, at) int64_numbers(bytes[at + 1:8])

root_table <- function(bytes) int_at(bytes, 0)

# Where a table has its field of a number, or NA when it is left out, which stands for its default.
field_at <- function(bytes, table, number) {
  vtable <- table - int_at(bytes, table)
  at <- 4 + 2 * number
  if (at >= short_at(bytes, vtable)) return(NA)
  offset <- short_at(bytes, vtable + at)
  if (offset == 0) NA else table + offset
}

# A field's value, read by one of the functions above.
scalar_of <- function(bytes, table, number, read, default) {
  at <- field_at(bytes, table, number)
  if (is.na(at)) default else read(bytes, at)
}

table_of <- function(bytes, table, number) {
  at <- field_at(bytes, table, number)
  if (is.na(at)) NA else at + int_at(bytes, at)
}

text_of <- function(bytes, table, number) {
  at <- table_of(bytes, table, number)
  if (is.na(at)) return("")
  size <- int_at(bytes, at)
  if (size == 0) return("")
  text <- rawToChar(bytes[at + 4 + seq_len(size)])
  Encoding(text) <- "UTF-8"
  text
}

# Where a vector's elements begin, each of a size.
elements_of <- function(bytes, table, number, size) {
  at <- table_of(bytes, table, number)
  if (is.na(at)) return(numeric())
  at + 4 + (seq_len(int_at(bytes, at)) - 1) * size
}

tables_of <- function(bytes, table, number) {
  vapply(elements_of(bytes, table, number, 4), function(at) at + int_at(bytes, at), numeric(1))
}
