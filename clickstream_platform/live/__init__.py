"""What goes on now and what the last runs did, in a terminal. Needs no JVM: the journal, the ledger, the tables."""
