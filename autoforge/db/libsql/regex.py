class UnsupportedRegex(Exception): pass
def compile_regex(pattern, *, ignore_case): raise UnsupportedRegex("not yet")
