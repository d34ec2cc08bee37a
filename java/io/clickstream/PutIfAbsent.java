package io.clickstream;

import java.io.IOException;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.azurebfs.services.WholeBlob;

/** A file that a store takes only if there is none of that name, by S3A of Hadoop 3.4.2 on, ABFS or Google's client. */
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
    String scheme = store.getUri().getScheme();
    if (scheme.startsWith("abfs")) {
      return new FSDataOutputStream(new WholeBlob(store, path, overwrite), null);
    }
    if (scheme.equals("gs")) {
      return new FSDataOutputStream(new Created(store, path, overwrite), null);
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

  /** Whether the store refused a file because there is one. S3A and Google's say so in several ways, with 412. */
  private static boolean refused(IOException failed) {
    for (Throwable cause = failed; cause != null; cause = cause.getCause()) {
      String said = String.valueOf(cause.getMessage());
      if (cause instanceof FileAlreadyExistsException
          || cause.getClass().getSimpleName().equals("RemoteFileChangedException")
          || said.contains("Status Code: 412")
          || said.contains("412 Precondition Failed")) {
        return true;
      }
    }
    return false;
  }

  /**
   * Written by Google's client: without "overwrite" on condition that there is none (ifGenerationMatch=0), and whole,
   * by the request that closes it. It cannot give up what it has begun, so it begins when all is there.
   */
  private static final class Created extends WholeObject {
    private final FileSystem store;
    private final Path path;
    private final boolean overwrite;

    Created(FileSystem store, Path path, boolean overwrite) {
      this.store = store;
      this.path = path;
      this.overwrite = overwrite;
    }

    @Override
    protected void put(byte[] content, int length) throws IOException {
      // Left open where a write fails: closing would put what there is.
      FSDataOutputStream file = store.create(path, overwrite);
      file.write(content, 0, length);
      file.close();
    }
  }
}
