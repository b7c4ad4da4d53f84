"""All that can be wrong on a bad day, looked at in order, each with its remedy.

`command` reads the options and `examination` makes the round through `rounds.CHECKS`. What stands
before Django there needs the standard library alone: the doctor also comes where a package is
missing or the environment is wrong. A check whose ground is missing is "not checked", with the
reason: what was not checked has not passed.

Faults have one sentence in the whole house: `core.database.outages`, the probes of
`autoforge.health` and the system checks say it; only what none of them knows is worded here.
"""
