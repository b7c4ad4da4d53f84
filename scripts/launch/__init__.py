"""What `make run` does around Django: the virtual environment, secrets, the database, the server.

`venv` and `pip` use the standard library alone and run before anything is installed; the others
run inside the virtual environment. Whatever stops a launch is a `LaunchError`.
"""
