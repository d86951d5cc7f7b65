# SPDX-License-Identifier: MIT
# fish completion for cronos(1)

set -l commands create list show cat versions find diff restore clean pin unpin verify mount umount serve config help

# The options already typed that say where the backups are.
function __cronos_place
    set -l words (commandline -opc)
    set -l i 2
    while test $i -le (count $words)
        switch $words[$i]
            case -C -c --root --config
                echo $words[$i]
                set i (math $i + 1)
                test $i -le (count $words); and echo $words[$i]
            case '--root=*' '--config=*'
                echo $words[$i]
        end
        set i (math $i + 1)
    end
end

function __cronos_identifiers
    echo latest
    cronos -q (__cronos_place) list 2>/dev/null | string replace -r '(\.zip)? .*' ''
end

complete -c cronos -f

# every command
complete -c cronos -s C -l root -r -a '(__fish_complete_directories)' -d 'Project directory'
complete -c cronos -s c -l config -r -F -d 'Configuration file'
complete -c cronos -s q -l quiet -d 'Only errors, and warnings of the configuration'
complete -c cronos -s v -l verbose -d 'Tell more on stderr'
complete -c cronos -l color -x -a 'auto always never' -d 'Colours'
complete -c cronos -l no-progress -d 'No progress bar'
complete -c cronos -s h -l help -d 'Show help and leave'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -s V -l version -d 'Show the version and leave'

# the commands
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a create -d 'Make a backup'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a list -d 'List the backups'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a show -d 'Show metadata and totals of a backup'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a cat -d 'Print a file as a backup has it'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a versions -d 'List the versions of a file in all backups'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a find -d 'Tell which backups hold what matches'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a diff -d 'Tell what changed from one backup to another'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a restore -d 'Bring files back'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a clean -d 'Remove backups that retention does not keep'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a pin -d 'Keep backups whatever retention says'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a unpin -d 'Leave pinned backups to retention again'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a verify -d 'Check that backups are whole'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a mount -d 'Show backups as folders'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a umount -d 'Take such a mount away'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a serve -d 'Make and restore backups on request, through NATS'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a config -d 'Show the configuration in force'
complete -c cronos -n "not __fish_seen_subcommand_from $commands" -a help -d 'Show help'
complete -c cronos -n '__fish_seen_subcommand_from help' -a "$commands"

# create, list
complete -c cronos -n '__fish_seen_subcommand_from create list' -s t -l type -x -a 'manual auto restore_point' -d 'Type of backup'
complete -c cronos -n '__fish_seen_subcommand_from create' -s i -l include -r -F -d 'Back up what matches, and nothing else'
complete -c cronos -n '__fish_seen_subcommand_from create' -s e -l exclude -r -F -d 'Leave out what matches'
complete -c cronos -n '__fish_seen_subcommand_from create' -l no-default-excludes -d 'Leave in what the configuration excludes'
complete -c cronos -n '__fish_seen_subcommand_from create' -s m -l set -x -d 'Add KEY=VALUE to the metadata'
complete -c cronos -n '__fish_seen_subcommand_from create' -l metadata -r -F -d 'Add a JSON object to the metadata'
complete -c cronos -n '__fish_seen_subcommand_from create' -s l -l level -x -a '(seq 0 12)' -d Compression
complete -c cronos -n '__fish_seen_subcommand_from create' -s j -l threads -x -d Threads
complete -c cronos -n '__fish_seen_subcommand_from create' -l full -d 'Take nothing over from the earlier backup'
complete -c cronos -n '__fish_seen_subcommand_from create' -l if-changed -d 'Only if enough has changed since the newest backup'
complete -c cronos -n '__fish_seen_subcommand_from list verify' -l all -d 'All of them'
complete -c cronos -n '__fish_seen_subcommand_from list' -l sizes -d 'What each backup holds, and what it alone holds'
complete -c cronos -n '__fish_seen_subcommand_from show' -l largest -x -a '10 20 50' -d 'The largest members, and kinds of files'

# find, diff
complete -c cronos -n '__fish_seen_subcommand_from find' -l since -x -a '1d 7d 30d' -d 'In backups made then or later'
complete -c cronos -n '__fish_seen_subcommand_from find' -l until -x -a '1d 7d 30d' -d 'In backups made then or earlier'
complete -c cronos -n '__fish_seen_subcommand_from diff' -l source -d 'Compare with the project directory'
complete -c cronos -n '__fish_seen_subcommand_from diff' -l exit-code -d 'Exit status 1 where there are differences'

# restore
complete -c cronos -n '__fish_seen_subcommand_from restore' -l to -x -a '(__fish_complete_directories)' -d 'Restore into a directory'
complete -c cronos -n '__fish_seen_subcommand_from restore' -l strategy -x -a 'new_location overwrite' -d 'Where to'
complete -c cronos -n '__fish_seen_subcommand_from restore' -l delete -d 'Remove what the backup does not hold'
complete -c cronos -n '__fish_seen_subcommand_from restore' -s y -l yes -d 'Do not ask before overwriting'
complete -c cronos -n '__fish_seen_subcommand_from restore' -s k -l keep-going -d 'Leave out what is damaged, restore the rest'
complete -c cronos -n '__fish_seen_subcommand_from restore' -l no-verify -d 'Do not check the whole archive first'
complete -c cronos -n '__fish_seen_subcommand_from restore' -l no-restore-point -d 'No restore point first'
complete -c cronos -n '__fish_seen_subcommand_from restore' -l same-permissions -d 'Setuid and setgid bits too'
complete -c cronos -n '__fish_seen_subcommand_from cat versions restore' -F

# clean, verify, mount, umount
complete -c cronos -n '__fish_seen_subcommand_from clean' -l retention-days -x -d 'Remove older ones'
complete -c cronos -n '__fish_seen_subcommand_from clean' -l max-backups -x -d 'Remove beyond this number'
complete -c cronos -n '__fish_seen_subcommand_from clean' -l keep-daily -x -d 'Keep the newest of each of so many days'
complete -c cronos -n '__fish_seen_subcommand_from clean' -l keep-weekly -x -d 'Keep the newest of each of so many weeks'
complete -c cronos -n '__fish_seen_subcommand_from clean' -l keep-monthly -x -d 'Keep the newest of each of so many months'
complete -c cronos -n '__fish_seen_subcommand_from verify' -l against-source -d 'Compare with the project directory too'
complete -c cronos -n '__fish_seen_subcommand_from verify' -l sample -x -a '1% 5% 10%' -d 'Decode a random part of the members'
complete -c cronos -n '__fish_seen_subcommand_from verify' -l repair-to -r -F -d 'Salvage what is whole into a new archive'
complete -c cronos -n '__fish_seen_subcommand_from mount' -s o -l options -x -d 'Mount options'
complete -c cronos -n '__fish_seen_subcommand_from mount' -s f -l foreground -d 'Stay in the foreground'
complete -c cronos -n '__fish_seen_subcommand_from mount umount' -a '(__fish_complete_directories)'

# several commands
complete -c cronos -n '__fish_seen_subcommand_from create restore clean' -s n -l dry-run -d 'Change nothing'
complete -c cronos -n '__fish_seen_subcommand_from create list show versions find diff restore clean verify config' -l json -d 'Print JSON'
complete -c cronos -n '__fish_seen_subcommand_from show cat diff restore pin unpin verify' -a '(__cronos_identifiers)'
