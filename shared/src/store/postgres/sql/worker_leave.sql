-- Hands back whatever a worker holds and ends its registration.
select windlass.leave($1, $2)
