# swap_sql: send one statement, show what happens, return its result.  R has no threads: a query is waited for.

QUIET_SECONDS <- 0.3 # what ends sooner shows no progress: the gateway holds its first answer for so long
PAGE_ROWS <- 10L
SMALL_BYTES <- 65536L
LINE_SECONDS <- 15L # the gateway shows every five that the line is alive
GIVE_UP_SECONDS <- 120
STOP_SECONDS <- 15
ENDED_STATES <- c("done", "failed", "cancelled")

# What this process is called; tempfile() leaves the person's random numbers alone.
fresh_name <- function() sub("^swap-", "", basename(tempfile("swap-")))
kept$program <- fresh_name()

#' Run one SELECT over all sources, and return its result.
#'
#' :name in the statement takes its value from params; tables brings your own data frames along.  Rows stay with SWAP until they are asked for.
#' An interrupt cancels the query at its sources.
swap_sql <- function(sql, params = list(), tables = list(), dialect = NULL, name = NULL, keep = FALSE) {
  # The error is raised here: the way through our code helps nobody.
  outcome <- tryCatch(asked(sql, params, tables, dialect, name, keep), swap_error = identity)
  if (inherits(outcome, "condition")) stop(outcome)
  outcome
}

asked <- function(sql, params, tables, dialect, name, keep) {
  if (!is_text(sql)) stop(refused("The statement is not one text.", 'Write swap_sql("SELECT …").'))
  for (given in list(dialect, name)) {
    if (!is.null(given) && !is_text(given)) stop(refused("dialect and name are text.", 'Write dialect = "mysql".'))
  }
  parts <- c(
    statement = quoted(sql), params = params_json(params), tables = tables_json(tables), dialect = if (!is.null(dialect)) quoted(dialect),
    program = if (!keep) quoted(kept$program), wait = QUIET_SECONDS, rows = PAGE_ROWS, arrow = SMALL_BYTES
  )
  body <- paste0("{", paste0('"', names(parts), '":', parts, collapse = ","), "}")
  place <- new_place()
  run <- NULL
  tryCatch({
    # A query that was accepted while its id was on its way could not be cancelled.
    suspendInterrupts({
      accepted <- call_gateway("POST", "/v1/queries", body)
      run <- accepted$id
    })
    state <- accepted$state
    if (!state$state %in% ENDED_STATES) {
      place$progress(state, name)
      state <- follow(run, state, function(state) place$progress(state, name))
    }
    if (state$state != "done") stop(failure_of(state))
    result <- new_result(run, sql, name, place, state, accepted$page %||% page_of(run, 0L, PAGE_ROWS), accepted$arrow)
    place$end(summary_text(result))
    result
  },
  interrupt = function(interrupt) {
    stopped <- if (is.null(run)) cancelled("Nothing was run.") else stop_run(run)
    place$fail(stopped$problem$title)
    stop(stopped)
  },
  swap_error = function(error) {
    place$fail(error$problem$title)
    stop(error)
  })
}

is_text <- function(value) is.character(value) && length(value) == 1L && !is.na(value)

cancelled <- function(why) {
  made <- swap_condition("cancelled", "Cancelled: by you", why = why)
  class(made) <- c("swap_interrupted", class(made))
  made
}

failure_of <- function(state) {
  if (!is.null(state$error)) return(condition_from(state$error, 200L))
  if (state$state == "cancelled") return(swap_condition("cancelled", "Cancelled"))
  swap_condition("internal", "The query failed, and SWAP does not say why.",
    todo = paste0("Tell whoever runs SWAP: query ", state$id, ".")
  )
}

state_of <- function(run) call_gateway("GET", paste0("/v1/queries/", run), query = list(after = -1))

# Wait for a run's end through lost connections, and return its last state; each is told to `tell`.
follow <- function(run, state, tell) {
  lost_at <- NULL
  heard_at <- clock_seconds()
  repeat {
    lost <- tryCatch({
      told <- told_of(run, function(told) {
        lost_at <<- NULL
        heard_at <<- clock_seconds()
        if (!told$state %in% ENDED_STATES) tell(told)
        state <<- told
      })
      if (told$state %in% ENDED_STATES) return(told)
      NULL # the line has ended, and is opened anew
    }, swap_unavailable = identity)
    now <- clock_seconds()
    if (!is.null(lost)) {
      lost_at <- lost_at %||% now
      if (now - lost_at > GIVE_UP_SECONDS) stop(lost)
      shown <- state
      shown$headline <- "Not connected to SWAP"
      shown$elapsed <- (state$elapsed %||% 0) + now - heard_at
      shown$note <- sprintf("Not connected to SWAP since %.0f s. Trying again: if SWAP itself goes on, so does the query.", now - lost_at)
      tell(shown)
    }
    Sys.sleep(min(2, 0.2 + if (is.null(lost_at)) 0 else (now - lost_at) / 4))
  }
}

# What the gateway tells of a run on one connection, which tells of all of this kernel's: the last state that came.
#
# While it is open, the gateway knows that this process is there to take the answers.
told_of <- function(run, tell) {
  last <- list(state = "")
  known <- FALSE
  heard <- function(line) {
    # An empty line ends the first list, and is a sign of life later: a run that is not in it has ended.
    state <- if (nzchar(line)) parsed(charToRaw(line)) else if (!known) state_of(run)
    if (!identical(state$id, run)) return()
    known <<- TRUE
    last <<- state
    tell(state)
    if (state$state %in% ENDED_STATES) stop(enough())
  }
  options <- list(low_speed_limit = 1L, low_speed_time = LINE_SECONDS)
  tryCatch(
    request("GET", "/v1/queries", NULL, list(program = kept$program), options, by_line(heard)),
    swap_signal = function(signal) NULL
  )
  last
}

# Ends a request whose answer goes on.
enough <- function() structure(list(message = "enough", call = NULL), class = c("swap_signal", "error", "condition"))

# Gives whole lines of bytes that come piece by piece.
by_line <- function(heard) {
  rest <- raw()
  function(bytes) {
    bytes <- c(rest, bytes)
    ends <- which(bytes == as.raw(10L))
    rest <<- bytes[seq_len(length(bytes) - max(0L, ends)) + max(0L, ends)]
    begins <- c(0L, ends)
    for (at in seq_along(ends)) heard(rawToChar(bytes[begins[[at]] + seq_len(ends[[at]] - begins[[at]] - 1L)]))
  }
}

# Cancel a run at its sources, wait for its end, and return what the person is told.
stop_run <- function(run) {
  began <- clock_seconds()
  why <- "The query may go on for a moment: SWAP has not yet said that it ended."
  tryCatch({
    call_gateway("DELETE", paste0("/v1/queries/", run), seconds = STOP_SECONDS)
    while (clock_seconds() - began < STOP_SECONDS) {
      state <- state_of(run)
      if (state$state %in% ENDED_STATES) return(cancelled(stopped_text(state)))
      Sys.sleep(0.05)
    }
  },
  swap_error = function(error) why <<- "SWAP could not be told; the query ends by itself, at its time limit at the latest.",
  interrupt = function(interrupt) NULL) # again: the person does not want to wait for the confirmation either
  cancelled(why)
}

stopped_text <- function(state) {
  if (state$state != "cancelled") return(paste0("It had already ended (", state$state, ")."))
  began <- Filter(function(stage) startsWith(stage$key, "run:") && !is.null(stage$start), state$stages %||% list())
  sources <- vapply(began, function(stage) substring(stage$key, 5L), "")
  paste0(
    "Stopped", if (length(sources)) paste(" in", paste(sources, collapse = " and ")),
    if (!is.null(state$elapsed)) sprintf(" after %.1f s", state$elapsed), "."
  )
}
