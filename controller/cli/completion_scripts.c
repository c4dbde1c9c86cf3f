/* What the shells load: each asks `gostat __complete` and does what its last line says. */
#include "cli/completion.h"

static const char bash[] = "# bash completion of gostat, bash 4.4 or newer. Load it with\n"
                           "#   source <(gostat completion bash)\n"
                           "_gostat_complete()\n"
                           "{\n"
                           "    local out how\n"
                           "    mapfile -t out < <(\"$1\" __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
                           "    COMPREPLY=()\n"
                           "    if [ ${#out[@]} -eq 0 ]; then return; fi\n"
                           "    how=${out[-1]}\n"
                           "    unset 'out[-1]'\n"
                           "    case $how in\n"
                           "        :0) compopt -o default ;;\n"
                           "        :16) compopt -o dirnames ;;\n"
                           "        *) COMPREPLY=(\"${out[@]}\") ;;\n"
                           "    esac\n"
                           "}\n"
                           "complete -F _gostat_complete gostat\n";

static const char zsh[] =
    "#compdef gostat\n"
    "# zsh completion of gostat. Load it with\n"
    "#   source <(gostat completion zsh)\n"
    "# or put it into a file named _gostat in a directory of $fpath.\n"
    "_gostat() {\n"
    "    local -a out\n"
    "    local how\n"
    "    out=(\"${(@f)$(\"${words[1]}\" __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
    "    how=${out[-1]}\n"
    "    out=(\"${(@)out[1,-2]}\")\n"
    "    case $how in\n"
    "        :0) _files ;;\n"
    "        :16) _files -/ ;;\n"
    "        :*) compadd -a out ;;\n"
    "    esac\n"
    "}\n"
    "if [ \"${funcstack[1]}\" = _gostat ]; then _gostat \"$@\"; else compdef _gostat gostat; fi\n";

static const char fish[] = "# fish completion of gostat. Load it with\n"
                           "#   gostat completion fish | source\n"
                           "function __gostat_complete\n"
                           "    set -l words (commandline -opc)\n"
                           "    set -l typed (commandline -ct)\n"
                           "    set -l out (command $words[1] __complete $words[2..-1] \"$typed\" 2>/dev/null)\n"
                           "    test (count $out) -gt 0; or return\n"
                           "    set -l how $out[-1]\n"
                           "    set -e out[-1]\n"
                           "    switch $how\n"
                           "        case :0\n"
                           "            __fish_complete_path $typed\n"
                           "        case :16\n"
                           "            __fish_complete_directories $typed\n"
                           "        case '*'\n"
                           "            printf '%s\\n' $out\n"
                           "    end\n"
                           "end\n"
                           "complete -c gostat -f -a '(__gostat_complete)'\n";

const char *gs_completion_script(const char *shell)
{
    return gs_streq(shell, "bash") ? bash : gs_streq(shell, "zsh") ? zsh : gs_streq(shell, "fish") ? fish : NULL;
}
