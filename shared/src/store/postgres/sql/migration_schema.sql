-- Makes the schema that everything of ours lives in.
create schema windlass
