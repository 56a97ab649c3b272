-- Ends attempts: first those that say nothing, claim by claim, then the others one by one.
select windlass.settle_completed($1, $2, $3, $4, $5, $6, $7, $8),
  windlass.settle_each($1, $9, $10, $11, $12, $13, $14, $15, $16, $17)
