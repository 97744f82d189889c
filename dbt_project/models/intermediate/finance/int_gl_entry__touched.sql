{{ touched_rows('gl_entry') }}
