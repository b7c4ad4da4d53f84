"""Files of variables: made, checked, filled and compared; nothing of it loads the settings.

For other rooms: `writing.write_variable` sets one variable in a file and keeps the rest,
`locating.locate_variable` says which file that is.
"""
