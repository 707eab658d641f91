"""One scripted ticket from webhook to summary, with real parts."""
