# What a column's values are in R.  No value changes: a column is of the type that R works with if that holds all of its
# values, and else of one that does (docs/reference/r.md has the table).

LARGEST <- 2^53
INFINITE <- 2^63 # 2^63 - 1, which SQL's infinity is, has no number of its own
UNITS <- c(1, 1e3, 1e6, 1e9)
SECONDS_A_DAY <- 86400

# A data frame of a reader's batches.
frame_of <- function(reader) {
  fields <- reader$fields
  columns <- lapply(seq_along(fields), function(number) {
    arrays <- lapply(reader$batches, `[[`, number)
    if (!length(arrays)) arrays <- list(empty_array(fields[[number]]))
    column_of(fields[[number]], arrays_joined(arrays))
  })
  as_frame(columns, vapply(fields, `[[`, "", "name"), reader$rows)
}

# Made by hand: data.frame() would change names and take lists apart.
as_frame <- function(columns, names, n) {
  names(columns) <- names
  structure(columns, class = "data.frame", row.names = .set_row_names(n))
}

empty_array <- function(field) {
  if (!is.null(field$dictionary)) return(list(n = 0, made = column_of(field$dictionary$field, empty_array(field$dictionary$field))))
  list(
    n = 0, valid = NULL, data = raw(), starts = numeric(), sizes = numeric(), children = lapply(field$children, empty_array),
    values = switch(field$type, utf8 = , large_utf8 = character(), bool = logical(), list())
  )
}

column_of <- function(field, array) {
  if (!is.null(array$made)) return(array$made)
  values <- switch(field$type,
    null = rep(NA, array$n),
    bool = , utf8 = , large_utf8 = , binary = , large_binary = array$values,
    int = integers(array$data, field, array$valid),
    float = floats(array$data, field$bits),
    decimal = decimals(array$data, field, array$valid),
    date = days(array$data, field),
    time = structure(counted(array$data, field$bits) / UNITS[[field$unit + 1L]], units = "secs", class = c("hms", "difftime")),
    timestamp = moments(array$data, field),
    duration = structure(counted(array$data, 64L) / UNITS[[field$unit + 1L]], units = "secs", class = "difftime"),
    interval = intervals(array$data, field, array$valid),
    fixed_binary = raws_of(array$data, (0:array$n) * field$bits / 8),
    list = , large_list = , fixed_list = lists(column_of(field$children[[1L]], array$children[[1L]]), array),
    map = lists(map_entries(field$children[[1L]], array$children[[1L]]), array),
    struct = as_frame(
      Map(column_of, field$children, array$children), vapply(field$children, `[[`, "", "name"), array$n
    ),
    stop(not_read(field))
  )
  without_nulls(values, array$valid)
}

not_read <- function(field) {
  swap_condition("invalid", paste0("The column ", field$name, " cannot be read in R."),
    why = paste0("It has a type of Arrow's that swap for R does not know: ", field$type, "."),
    todo = "Make it text in the statement: CAST(… AS TEXT)."
  )
}

# NA where there is no value; NULL in lists.
without_nulls <- function(values, valid) {
  if (is.null(valid) || all(valid)) return(values)
  if (is.data.frame(values)) {
    values[] <- lapply(values, without_nulls, valid)
  } else if (is.list(values)) {
    values[!valid] <- list(NULL)
  } else if (inherits(values, "integer64")) {
    bits <- unclass(values)
    bits[!valid] <- -0.0 # what bit64 has for NA
    values <- structure(bits, class = "integer64")
  } else {
    values[!valid] <- NA
  }
  values
}

# ── Numbers ─────────────────────────────────────────────────────────────────────────────────────────
# 32 bits as numbers: R would take the smallest one for NA.
int32_numbers <- function(bytes) {
  numbers <- as.double(readBin(bytes, "integer", length(bytes) / 4, 4L, endian = "little"))
  numbers[is.na(numbers)] <- -2^31
  numbers
}

unsigned <- function(numbers) ifelse(numbers < 0, numbers + 2^32, numbers)

# 64 bits as numbers: exact below 2^53, else the nearest there is.
int64_numbers <- function(bytes, signed = TRUE) {
  halves <- matrix(int32_numbers(bytes), nrow = 2L)
  low <- unsigned(halves[1L, ])
  high <- halves[2L, ]
  (if (signed) high else unsigned(high)) * 2^32 + low
}

integers <- function(bytes, field, valid) {
  n <- length(bytes) / (field$bits / 8)
  if (field$bits < 32L) return(readBin(bytes, "integer", n, field$bits / 8, signed = field$signed, endian = "little"))
  if (field$bits == 64L) return(large_integers(bytes, field, valid))
  numbers <- int32_numbers(bytes)
  if (!field$signed) return(unsigned(numbers))
  seen <- if (is.null(valid)) numbers else numbers[valid]
  if (any(seen == -2^31)) numbers else readBin(bytes, "integer", n, 4L, endian = "little")
}

large_integers <- function(bytes, field, valid) {
  numbers <- int64_numbers(bytes, field$signed)
  seen <- if (is.null(valid)) numbers else numbers[valid]
  if (all(abs(seen) < LARGEST)) return(numbers)
  if (fits_bit64(if (is.null(valid)) bytes else bytes[rep(valid, each = 8L)], field$signed) && requireNamespace("bit64", quietly = TRUE)) {
    return(structure(readBin(bytes, "double", length(numbers), 8L, endian = "little"), class = "integer64"))
  }
  warning(
    "The column ", field$name, " has whole numbers that R's numbers cannot hold exactly. ",
    "Make it text in the statement: CAST(", field$name, " AS TEXT).", call. = FALSE
  )
  numbers
}

# bit64 has the same 64 bits with a sign, and the smallest number for NA.
fits_bit64 <- function(bytes, signed) {
  halves <- matrix(int32_numbers(bytes), nrow = 2L)
  if (signed) !any(halves[1L, ] == 0 & halves[2L, ] == -2^31) else all(halves[2L, ] >= 0)
}

floats <- function(bytes, bits) {
  if (bits > 16L) return(readBin(bytes, "double", length(bytes) / (bits / 8), bits / 8, endian = "little"))
  halves <- readBin(bytes, "integer", length(bytes) / 2, 2L, signed = FALSE, endian = "little")
  exponent <- bitwAnd(bitwShiftR(halves, 10L), 31L)
  part <- bitwAnd(halves, 1023L)
  size <- ifelse(exponent == 0L, part * 2^-24, (1024 + part) * 2^(exponent - 25))
  size[exponent == 31L] <- ifelse(part[exponent == 31L] == 0L, Inf, NaN)
  ifelse(halves >= 32768L, -size, size)
}

decimals <- function(bytes, field, valid) {
  limbs <- matrix(
    readBin(bytes, "integer", length(bytes) / 2, 2L, signed = FALSE, endian = "little"), nrow = field$bits / 16L
  )
  storage.mode(limbs) <- "double"
  if (!is.null(valid)) limbs[, !valid] <- 0
  negative <- limbs[nrow(limbs), ] >= 2^15
  limbs[, negative] <- negated(limbs[, negative, drop = FALSE])
  sizes <- colSums(limbs * 2^(16 * (seq_len(nrow(limbs)) - 1)))
  # R's numbers hold 15 digits whatever they are, and whole ones up to 2^53.
  if (all(sizes < if (field$scale == 0L) LARGEST else 1e15)) {
    return(ifelse(negative, -sizes, sizes) / 10^field$scale)
  }
  decimal_texts(limbs, negative, field$scale)
}

negated <- function(limbs) {
  limbs <- 65535 - limbs
  carry <- rep(1, ncol(limbs))
  for (row in seq_len(nrow(limbs))) {
    sum <- limbs[row, ] + carry
    carry <- as.numeric(sum > 65535)
    limbs[row, ] <- sum - carry * 65536
  }
  limbs
}

# Numbers of any size as text: their digits come off nine at a time.
decimal_texts <- function(limbs, negative, scale) {
  digits <- rep("", ncol(limbs))
  while (any(limbs > 0)) {
    rest <- rep(0, ncol(limbs))
    for (row in rev(seq_len(nrow(limbs)))) {
      sum <- rest * 65536 + limbs[row, ]
      limbs[row, ] <- sum %/% 1e9
      rest <- sum %% 1e9
    }
    digits <- paste0(sprintf("%09.0f", rest), digits)
  }
  digits <- sub("^0+", "", digits)
  if (scale > 0L) {
    digits <- paste0(strrep("0", pmax(0, scale + 1L - nchar(digits))), digits)
    digits <- paste0(substr(digits, 1L, nchar(digits) - scale), ".", substring(digits, nchar(digits) - scale + 1L))
  } else {
    digits <- paste0(ifelse(digits == "", "0", digits), strrep("0", -scale))
  }
  paste0(ifelse(negative, "-", ""), digits)
}

# ── Moments and spans ───────────────────────────────────────────────────────────────────────────────
counted <- function(bytes, bits) if (bits == 32L) int32_numbers(bytes) else int64_numbers(bytes)

days <- function(bytes, field) {
  counts <- counted(bytes, field$bits)
  if (field$unit == 1L) return(structure(counts / (SECONDS_A_DAY * 1000), class = "Date"))
  counts[abs(counts) == 2^31 - 1] <- sign(counts[abs(counts) == 2^31 - 1]) * Inf
  structure(counts, class = "Date")
}

moments <- function(bytes, field) {
  counts <- int64_numbers(bytes)
  counts[abs(counts) >= INFINITE] <- sign(counts[abs(counts) >= INFINITE]) * Inf
  structure(counts / UNITS[[field$unit + 1L]], class = c("POSIXct", "POSIXt"), tzone = "UTC")
}

# Spans as seconds, a day having 24 hours; as text if one has months, whose length is not fixed.
intervals <- function(bytes, field, valid) {
  parts <- matrix(bytes, nrow = field$bits / 8L)
  ints <- function(at) int32_numbers(as.vector(parts[at, ]))
  none <- rep(0, ncol(parts))
  months <- if (field$unit == 1L) none else ints(1:4)
  days <- switch(field$unit + 1L, none, ints(1:4), ints(5:8))
  seconds <- switch(field$unit + 1L, none, ints(5:8) / 1e3, int64_numbers(as.vector(parts[9:16, ])) / 1e9)
  if (all(months == 0 | !(valid %||% TRUE))) {
    return(structure(days * SECONDS_A_DAY + seconds, units = "secs", class = "difftime"))
  }
  trimws(paste(
    counted_noun(trunc(months / 12), "year"), counted_noun(months - 12 * trunc(months / 12), "month"),
    counted_noun(days, "day"), clock(seconds, seconds != 0 | (months == 0 & days == 0))
  ) |> gsub(pattern = " +", replacement = " "))
}

counted_noun <- function(number, noun) {
  ifelse(number == 0, "", sprintf("%.0f %s%s", number, noun, ifelse(abs(number) == 1, "", "s")))
}

clock <- function(seconds, shown) {
  size <- abs(seconds)
  whole <- floor(size)
  part <- sub("0+$", "", sprintf("%06.0f", round((size - whole) * 1e6)))
  text <- sprintf("%s%02.0f:%02.0f:%02.0f", ifelse(seconds < 0, "-", ""), whole %/% 3600, whole %/% 60 %% 60, whole %% 60)
  ifelse(shown, paste0(text, ifelse(part == "", "", "."), part), "")
}

# ── What is nested ──────────────────────────────────────────────────────────────────────────────────
lists <- function(values, array) {
  lapply(seq_len(array$n), function(at) rows_at(values, array$starts[[at]] + seq_len(array$sizes[[at]])))
}

map_entries <- function(field, array) {
  entries <- column_of(field, array)
  names(entries) <- c("key", "value")
  entries
}

rows_at <- function(values, places) if (is.data.frame(values)) frame_rows(values, places) else values[places]

# Rows by their places: R's own would number them anew as text.
frame_rows <- function(frame, places) as_frame(lapply(unclass(frame), rows_at, places), names(frame), length(places))

values_joined <- function(parts) {
  if (!is.data.frame(parts[[1L]])) return(do.call(c, parts))
  columns <- lapply(seq_along(parts[[1L]]), function(number) values_joined(lapply(parts, `[[`, number)))
  as_frame(columns, names(parts[[1L]]), sum(vapply(parts, nrow, 1L)))
}

`%||%` <- function(one, other) if (is.null(one)) other else one
