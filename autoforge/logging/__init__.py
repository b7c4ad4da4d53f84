"""The log: what is left out, counted or hidden, and in which form a line is written."""
