"""Pictures of a drop and their words; what a picture is made of, before it is one."""
