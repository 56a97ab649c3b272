-- Accepts jobs one by one.
select state, holder from windlass.accept_each($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
