-- Which release the server is of, as a number: 140005 is 14.5; and how it isolates transactions
-- unless told otherwise.
select current_setting('server_version_num')::integer, current_setting('default_transaction_isolation')
