# Puts files into the program as texts.
#
#   slimtax_embed(TARGET NAME FILE...)
#
# adds to TARGET the generated header NAME.hpp (include it as "FOLDER/NAME.hpp"), which declares for every FILE one
# `std::string_view` in namespace slimtax::FOLDER::embedded, called after the file: report.schema.json becomes
# `report_schema_json`. FOLDER is the folder that calls.
if(CMAKE_SCRIPT_MODE_FILE)
  # The build step: cmake -DINPUTS=a;b -DOUTPUT=stem -DFOLDER=f -DNAME=n -P embed.cmake
  string(REPLACE "|" ";" INPUTS "${INPUTS}")
  set(header "// Generated from files by embed.cmake.\n#pragma once\n\n#include <string_view>\n\n")
  string(APPEND header "namespace slimtax::${FOLDER}::embedded {\n\n")
  set(source "// Generated from files by embed.cmake.\n#include \"${FOLDER}/${NAME}.hpp\"\n\n")
  string(APPEND source "namespace slimtax::${FOLDER}::embedded {\n\n")
  foreach(input IN LISTS INPUTS)
    get_filename_component(identifier ${input} NAME)
    string(MAKE_C_IDENTIFIER ${identifier} identifier)
    # As numbers: texts may be longer than a string literal can be, and hold any delimiter.
    file(READ ${input} hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR length "${digits} / 2")
    string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND header "extern const std::string_view ${identifier};\n")
    string(APPEND source "static constexpr unsigned char ${identifier}_bytes[] = {\n${bytes}0};\n")
    string(APPEND source "const std::string_view ${identifier}(reinterpret_cast<const char*>(${identifier}_bytes), ${length});\n\n")
  endforeach()
  string(APPEND header "\n}  // namespace slimtax::${FOLDER}::embedded\n")
  string(APPEND source "}  // namespace slimtax::${FOLDER}::embedded\n")
  file(WRITE ${OUTPUT}.hpp "${header}")
  file(WRITE ${OUTPUT}.cpp "${source}")
  return()
endif()

function(slimtax_embed target name)
  get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name})
  set(inputs)
  foreach(file IN LISTS ARGN)
    get_filename_component(file ${file} ABSOLUTE)
    list(APPEND inputs ${file})
  endforeach()
  string(REPLACE ";" "|" joined "${inputs}")
  add_custom_command(
    OUTPUT ${output}.cpp ${output}.hpp
    COMMAND ${CMAKE_COMMAND} "-DINPUTS=${joined}" -DOUTPUT=${output} -DFOLDER=${folder} -DNAME=${name}
            -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    DEPENDS ${inputs} ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    VERBATIM)
  target_sources(${target} PRIVATE ${output}.cpp ${output}.hpp)
endfunction()
