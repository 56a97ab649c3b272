-- Which of a worker's running jobs somebody wants stopped, and why.
select job, reason from windlass.cancels($1)
