-- Which of a worker's running jobs somebody wants stopped, and why.
-- $1 worker
select job, reason from windlass.cancels($1)
