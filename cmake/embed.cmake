add_custom_target(generated)  # everything that clang-tidy must find

# ymgr_embed(TARGET NAME FILE...) makes "NAME.inc" for `TARGET` to include inside an array's braces: one line
# {"STEM", R"ymgr(CONTENT)ymgr"}, a file, in the order of their names.
function(ymgr_embed target name)
  set(output ${CMAKE_BINARY_DIR}/generated/${name}.inc)
  list(SORT ARGN)
  add_custom_command(OUTPUT ${output} COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DFILES=${ARGN}" -P
                                              ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake
                     DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake VERBATIM)
  string(MAKE_C_IDENTIFIER embed_${name} id)
  add_custom_target(${id} DEPENDS ${output})
  add_dependencies(${target} ${id})
  add_dependencies(generated ${id})
  target_sources(${target} PRIVATE ${output})
  target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/generated)
endfunction()
