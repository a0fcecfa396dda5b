"""`swap reports import`: takes over what reportupdater ran: its configuration and queries become notebooks and reports."""
