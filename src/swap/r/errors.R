# Errors as conditions: what happened, why, and what to do next.  Their classes are swap_error and swap_<category>, so that
# tryCatch(…, swap_forbidden = …) catches one kind; `problem` has the parts, as docs/reference/api.md shows them.

swap_condition <- function(category, title, why = "", todo = "", parts = list()) {
  problem <- utils::modifyList(list(category = category, title = title, why = why, todo = todo), parts)
  structure(
    list(message = problem_text(problem), call = NULL, problem = problem),
    class = c(paste0("swap_", gsub("-", "_", category)), "swap_error", "error", "condition")
  )
}

# The error that the gateway, or the Jupyter server, tells of; anything else is not SWAP's own.
condition_from <- function(told, status) {
  if (!is.list(told) || !is.character(told$title)) {
    return(swap_condition("internal", "SWAP gave an answer that is not its own.",
      why = paste0("Its status is ", status, "."), todo = "Try again in a minute."
    ))
  }
  swap_condition(told$category %||% "internal", told$title, told$why %||% "", told$todo %||% "", told)
}

unreachable <- function(why) {
  made <- swap_condition("unavailable", "SWAP does not answer.",
    why = paste0("Your notebook cannot reach its gateway (", why, ")."),
    todo = "Run the cell again in a minute; tell whoever runs SWAP if it stays so."
  )
  class(made) <- c("swap_unreachable", class(made))
  made
}

# Lines: what happened; where and why; what to do; then what is near.
problem_text <- function(problem) {
  where <- if (is.null(problem$line) || is.null(problem$column)) "" else {
    sprintf("Line %d, column %d.", as.integer(problem$line), as.integer(problem$column))
  }
  near <- Filter(function(each) nzchar(each$by %||% ""), problem$suggestions %||% list())
  names <- vapply(near, `[[`, "", "by")
  about <- vapply(near, function(each) paste(c(each$type, each$detail), collapse = "  "), "")
  lines <- c(
    problem$title, trimws(paste(where, problem$why)), problem$todo,
    if (length(near)) trimws(paste0("  ", formatC(names, width = -max(nchar(names))), "  ", about), "right")
  )
  safe(paste(lines[nzchar(lines)], collapse = "\n"))
}
