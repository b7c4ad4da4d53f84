def sha2_sql(operand_sql, *, bits):
    raise NotImplementedError
