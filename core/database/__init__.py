"""What a database's bad day means, how a database differs from the models, who waits for one."""
