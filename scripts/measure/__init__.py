"""How the code is written, in figures, beside what the field admires (`make measure`)."""
