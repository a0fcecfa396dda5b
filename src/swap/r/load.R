# swap for R, put on the search path as a package is: `source(".../load.R", chdir = TRUE)`.  It needs no installation.

local({
  inside <- new.env(parent = baseenv())
  for (file in c("errors", "flatbuffers", "arrow", "columns", "params", "upload", "gateway", "query", "result", "show", "catalog")) {
    sys.source(paste0(file, ".R"), envir = inside, keep.source = FALSE)
  }
  for (generic in names(inside$METHODS)) {
    registerS3method(generic, "swap_result", inside$METHODS[[generic]], envir = baseenv())
  }
  for (package in names(inside$METHODS_OF)) {
    local({
      of <- package
      register <- function(...) {
        methods <- inside$METHODS_OF[[of]]
        for (generic in names(methods)) registerS3method(generic, "swap_result", methods[[generic]], envir = asNamespace(of))
      }
      if (isNamespaceLoaded(of)) register() else setHook(packageEvent(of, "onLoad"), register)
    })
  }
  given <- c("swap_sql", "swap_sources", "swap_tables", "swap_columns", "swap_describe", "swap_help")
  shown <- attach(mget(given, envir = inside), name = "package:swap", warn.conflicts = FALSE)
  lockEnvironment(inside, bindings = TRUE)
  lockEnvironment(shown, bindings = TRUE)
})
