"""How a repository goes to production, read from its files.

ways         pipelines, platforms, scripts that deploy, and what people have to do by hand
migrations   changes to the database that cannot be undone
workflows    risks of GitHub workflows, as zizmor sees them
"""
