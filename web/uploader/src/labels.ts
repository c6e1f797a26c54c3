/** The words of the element. */

export interface Labels {
  choose: string;
  drop: string;
  waiting: string;
  uploading: string;
  paused: string;
  failed: string;
  done: string;
  pause: string;
  resume: string;
  retry: string;
  cancel: string;
  /** How many uploads are not shown. */
  more: (count: number) => string;
}

export const ENGLISH: Labels = {
  choose: "Choose files",
  drop: "or drop them here",
  waiting: "Waiting",
  uploading: "Uploading",
  paused: "Paused",
  failed: "Failed",
  done: "Done",
  pause: "Pause",
  resume: "Resume",
  retry: "Try again",
  cancel: "Cancel",
  more: (count) => `and ${count} more`,
};
