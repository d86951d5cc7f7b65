/* SPDX-License-Identifier: MIT
 * slot.h - one archive of the mount, under one number, for as long as the kernel may ask for it
 *
 * A slot stands for one state of one file: another file of the same name, or the same file written
 * over, gets a slot of its own. The archive is opened at the first look inside, once, while the
 * others who look wait for it. The slot's own descriptor outlives the file's name and the dropped
 * index: what is open in a removed archive reads on.
 *
 * Threads: all functions are safe; slots are counted references. */
#pragma once
#include "core/archive.h"
#include "core/catalog.h"
#include "core/outline.h"

#include <json-glib/json-glib.h>

#include <sys/stat.h>

typedef struct CronosPool CronosPool;
typedef struct CronosSlot CronosSlot;

/* @directory_fd: borrowed, the backup directory; must outlive the slot. @pool: borrowed likewise.
 * @backup: copied. @folder: the name in the mount, copied. */
CronosSlot *cronos_slot_new(CronosPool *pool, int directory_fd, guint32 number,
                            const CronosBackup *backup, const char *folder);
CronosSlot *cronos_slot_ref(CronosSlot *slot);
void cronos_slot_unref(CronosSlot *slot); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosSlot, cronos_slot_unref)

guint32 cronos_slot_number(const CronosSlot *slot);
/* Returns: what tells @backup, shown as @folder, from any other archive and any other state of it:
 * the same in each process. */
guint64 cronos_slot_identity(const CronosBackup *backup, const char *folder);
/* Returns: half of the identity; with another one, the same number is another archive's. */
guint32 cronos_slot_generation(const CronosSlot *slot);
const char *cronos_slot_folder(const CronosSlot *slot);
/* Returns: (borrowed) file name, parsed name, size and mtime, as the directory showed them. */
const CronosBackup *cronos_slot_backup(const CronosSlot *slot);
/* Returns: whether @backup is the very state of the very file that the slot stands for. */
gboolean cronos_slot_matches(const CronosSlot *slot, const CronosBackup *backup);

/* Opens the archive where it is not open. Returns: (owned) a reference; or NULL with @error:
 * DAMAGED and UNSUPPORTED are remembered, a system error is tried again next time; ESTALE when the
 * file is no longer the one the slot stands for. */
CronosArchive *cronos_slot_open(CronosSlot *slot, GError **error);
/* The same for reading member data: ESTALE, too, once the file was written over in place, so that
 * bytes of two states are never mixed. */
CronosArchive *cronos_slot_open_data(CronosSlot *slot, GError **error);
/* For looking up paths, whatever the number of archives. Returns: (owned) the archive's outline,
 * taken at the first call and kept, with a descriptor; where it needs an index, or descriptors are
 * short, that one, opened as above. NULL with @error as cronos_slot_open. */
CronosOutline *cronos_slot_outline(CronosSlot *slot, GError **error);
/* Drops the index; the descriptor stays if @keep_fd. Who uses the index keeps it by reference. */
void cronos_slot_drop(CronosSlot *slot, gboolean keep_fd);

/* Returns: the entry of the metadata member that create added, which listings leave out, or
 * CRONOS_ENTRY_NONE. @archive: the slot's. Found out once. */
guint32 cronos_slot_metadata_entry(CronosSlot *slot, CronosArchive *archive);

/* Returns: whether the archive is open, or known to be damaged; FALSE while that is being found
 * out.
 */
gboolean cronos_slot_is_settled(CronosSlot *slot);
/* As cronos_metadata_read, from the file's tail: nothing is opened or remembered. A system error
 * where the file is no longer the one the slot stands for. */
JsonObject *cronos_slot_read_metadata(CronosSlot *slot, GError **error);

/* Permissions and owner of the archive file now; as last resort what its owner alone may do.
 * Returns: FALSE when the file is not there under its name and not open. */
gboolean cronos_slot_stat(CronosSlot *slot, struct stat *out_status);

/* The kernel's look-ups of all nodes of the slot together. cronos_slot_forget drops what a retired
 * slot holds once nothing of it is known any more. */
void cronos_slot_count_lookups(CronosSlot *slot, guint64 lookups);
void cronos_slot_forget(CronosSlot *slot, guint64 lookups);
guint64 cronos_slot_lookups(const CronosSlot *slot);
/* The file is gone from the directory. */
void cronos_slot_retire(CronosSlot *slot);
gboolean cronos_slot_is_retired(const CronosSlot *slot);
/* The very file is back under its name. */
void cronos_slot_revive(CronosSlot *slot);

/* Returns: the pool's clock when the slot was last used. */
guint64 cronos_slot_last_used(const CronosSlot *slot);
