# An R kernel of SWAP's: `R --file=.../kernel.R --args connection_file`.
#
# What the kernel itself needs is loaded from the site's libraries before the person's own comes in: a package there that
# is broken, or shadows one of these, keeps no kernel from starting.

local({
  for (package in c("IRkernel", "IRdisplay", "repr", "curl", "jsonlite")) loadNamespace(package)
  if (nzchar(system.file(package = "bit64"))) loadNamespace("bit64")
  here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[[1L]]))
  source(file.path(here, "load.R"), chdir = TRUE, keep.source = FALSE)
  version <- paste(R.version$major, sub("[.].*", "", R.version$minor), sep = ".")
  own <- file.path(Sys.getenv("HOME"), ".local", "share", "swap", paste0("R", version))
  suppressWarnings(dir.create(own, recursive = TRUE)) # install.packages() asks nobody in a notebook
  .libPaths(c(own, .libPaths()))
})
IRkernel::main()
