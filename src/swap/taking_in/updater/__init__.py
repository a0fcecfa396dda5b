"""`swap reports import`: what reportupdater ran becomes notebooks and reports."""
