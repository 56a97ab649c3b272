-- Accepts jobs in groups, as accept_groups does, in a transaction that is to go on; null, and nothing
-- is done, when one of them is known already.
-- $1 .. $14 as of accept_groups
select windlass.accept_groups_if_new($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
