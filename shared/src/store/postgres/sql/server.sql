-- Which release the server is of, as a number: 140005 is 14.5.
select current_setting('server_version_num')::integer
