"""promptfoo's configurations: `config` reads a whole one, each other file a part; plain Python."""
