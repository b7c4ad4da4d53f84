"""The state of a database's migrations, and migrating it so that nothing is ever half done."""
