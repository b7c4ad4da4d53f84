"""The state of a database's migrations, and migrating it so that nothing is ever half done.

- `state`: what is applied, pending and drifted; `scratch` is the empty database that tells it
- `preparing`: a plan; `plans` chooses its steps, `rehearsal` tries them on an empty copy of the
  schema, `effects` tells what they lose and whom they disturb
- `running`: lock and journal (`runs`), backup, each step (`applying`, `steps`), checks
  (`verifying`), the way back (`restoring`)
- `stamping`: records what somebody else has applied
"""
