# Values of a statement's parameters as JSON that keeps their types: plain ones as they are, others as {"type", "value"}.

params_json <- function(params) {
  if (!length(params)) return("{}")
  if (!is.list(params) || is.null(names(params))) {
    stop(refused("Parameters have names.", 'Write swap_sql("… WHERE wiki = :wiki", params = list(wiki = "dewiki")).'))
  }
  for (name in names(params)) {
    if (!grepl("^[A-Za-z_][A-Za-z0-9_]*$", name)) {
      stop(refused(paste(quoted(name), "cannot be the name of a parameter."), "Use letters, digits and _, as in :country."))
    }
  }
  values <- vapply(names(params), function(name) param_json(name, params[[name]]), "")
  paste0("{", paste0(vapply(names(params), quoted, ""), ":", values, collapse = ","), "}")
}

# One value, or a list of several.  A list of one is written list(value).
param_json <- function(name, value) {
  if (is.null(value)) return("null")
  if (is.data.frame(value) || is.function(value) || is.environment(value)) stop(not_taken(name, value))
  if (is.raw(value)) return(tagged("binary", paste(value, collapse = "")))
  if (is.list(value) && !inherits(value, "POSIXlt")) {
    return(listed(vapply(value, function(item) param_json(name, item), "")))
  }
  if (is.factor(value)) value <- as.character(value)
  if (inherits(value, "POSIXlt")) value <- as.POSIXct(value)
  items <- items_json(name, value)
  if (length(items) == 1L) items else listed(items)
}

listed <- function(items) paste0("[", paste(items, collapse = ","), "]")

items_json <- function(name, value) {
  missing <- if (inherits(value, "integer64")) bit64_missing(value) else is.na(value) & !is_nan(value)
  if (any(missing)) {
    stop(refused(
      paste("The parameter", name, "has no value: it is NA, or one in it is."), "Leave missing ones out. For null, pass NULL."
    ))
  }
  if (inherits(value, "Date")) return(tagged("date", format(value, "%Y-%m-%d")))
  if (inherits(value, "POSIXct")) return(tagged("timestamp", moment_text(value)))
  if (inherits(value, "hms")) return(tagged("time", clock(as.numeric(value, units = "secs"), TRUE)))
  if (inherits(value, "integer64")) return(bit64::as.character.integer64(value))
  if (is.object(value) && !inherits(value, "AsIs")) stop(not_taken(name, value))
  if (is.logical(value)) return(ifelse(value, "true", "false"))
  if (is.character(value)) return(vapply(value, quoted, "", USE.NAMES = FALSE))
  if (is.integer(value)) return(sprintf("%d", value))
  if (is.double(value)) return(vapply(value, number_json, ""))
  stop(not_taken(name, value))
}

is_nan <- function(value) is.double(value) & is.nan(unclass(value))

bit64_missing <- function(value) bit64::is.na.integer64(value)

# A whole number is one in SQL too: R writes 5 where it means one.
number_json <- function(number) {
  if (is.finite(number) && number == trunc(number) && abs(number) < LARGEST) return(sprintf("%.0f", number))
  text <- if (is.nan(number)) "nan" else if (is.infinite(number)) (if (number > 0) "inf" else "-inf") else sprintf("%.17g", number)
  tagged("float", text)
}

# A moment in UTC, to the microsecond that is nearest: R's clock has no whole ones.
moment_text <- function(value) {
  seconds <- floor(as.numeric(value))
  micros <- round((as.numeric(value) - seconds) * 1e6)
  seconds <- seconds + (micros == 1e6)
  whole <- structure(seconds, class = c("POSIXct", "POSIXt"), tzone = "UTC")
  paste0(format(whole, "%Y-%m-%dT%H:%M:%S"), sprintf(".%06.0f", micros %% 1e6))
}

tagged <- function(type, text) paste0('{"type":"', type, '","value":', vapply(text, quoted, "", USE.NAMES = FALSE), "}")

quoted <- function(text) as.character(jsonlite::toJSON(jsonlite::unbox(enc2utf8(text))))

refused <- function(title, todo, why = "Nothing was run.") swap_condition("invalid", title, why, todo)

not_taken <- function(name, value) {
  refused(
    paste0("The parameter ", name, " is a ", class(value)[[1L]], ", which a statement cannot take."),
    "Use text, a number, TRUE or FALSE, a Date or POSIXct, raw bytes, NULL, or several of them."
  )
}
