package io.clickstream;

import java.io.IOException;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.azurebfs.services.WholeBlob;

/** A file that a store takes only if there is none of that name, by If-None-Match: S3A of Hadoop 3.4.2 on, and ABFS. */
final class PutIfAbsent {
  private static final String CONDITION = "fs.option.create.conditional.overwrite";

  // No list before it of what lies below a file of that name, where nothing ever does.
  private static final String UNSEEN = "fs.s3a.create.performance";

  private PutIfAbsent() {}

  /**
   * Open a file that appears when it is closed, whole.
   *
   * @param overwrite whether it replaces what is there; if not, closing it fails where something is.
   * @throws IllegalArgumentException the file system knows no such condition, and must not be written without it.
   */
  static FSDataOutputStream open(FileSystem store, Path path, boolean overwrite) throws IOException {
    if (store.getUri().getScheme().startsWith("abfs")) {
      return new FSDataOutputStream(new WholeBlob(store, path, overwrite), null);
    }
    // "overwrite" spares the look before the write, which would tell nothing: the condition is part of the write.
    FSDataOutputStreamBuilder<?, ?> file = store.createFile(path).overwrite(true);
    if (overwrite) {
      file.opt(UNSEEN, true);
    } else {
      file.must(CONDITION, true);
    }
    return file.build();
  }

  /**
   * Close a file, so that it appears.
   *
   * @return whether it is there now; if not, the store has refused it because there is one of that name.
   */
  static boolean close(FSDataOutputStream file, boolean overwrite) throws IOException {
    try {
      file.close();
      return true;
    } catch (IOException failed) {
      if (!overwrite && refused(failed)) {
        return false;
      }
      throw failed;
    }
  }

  /** Whether the store refused a file because there is one. S3A says so in several ways, the cause always with 412. */
  private static boolean refused(IOException failed) {
    for (Throwable cause = failed; cause != null; cause = cause.getCause()) {
      String said = String.valueOf(cause.getMessage());
      if (cause instanceof FileAlreadyExistsException
          || cause.getClass().getSimpleName().equals("RemoteFileChangedException")
          || said.contains("Status Code: 412")) {
        return true;
      }
    }
    return false;
  }
}
