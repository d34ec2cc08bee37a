package io.clickstream;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.apache.hadoop.fs.Abortable;

/** An object that is held in memory until it is closed, and put then; one that is aborted never is. */
public abstract class WholeObject extends ByteArrayOutputStream implements Abortable {
  private boolean ended = false;

  /**
   * Put it.
   *
   * @param content begins with what was written.
   * @param length how many bytes that are.
   */
  protected abstract void put(byte[] content, int length) throws IOException;

  @Override
  public final void close() throws IOException {
    if (!ended) {
      ended = true;
      put(buf, count);
    }
  }

  @Override
  public final AbortableResult abort() {
    boolean before = ended;
    ended = true;
    return new AbortableResult() {
      @Override
      public boolean alreadyClosed() {
        return before;
      }

      @Override
      public IOException anyCleanupException() {
        return null;
      }
    };
  }
}
