/** The icons, bundled with the script. They are hidden from screen readers; their buttons have names. */
import arrowDownTray from "heroicons/24/outline/arrow-down-tray.svg?raw";
import arrowLeftStartOnRectangle from "heroicons/24/outline/arrow-left-start-on-rectangle.svg?raw";
import arrowPath from "heroicons/24/outline/arrow-path.svg?raw";
import arrowTopRightOnSquare from "heroicons/24/outline/arrow-top-right-on-square.svg?raw";
import arrowUpTray from "heroicons/24/outline/arrow-up-tray.svg?raw";
import checkCircle from "heroicons/24/outline/check-circle.svg?raw";
import chevronDown from "heroicons/24/outline/chevron-down.svg?raw";
import chevronLeft from "heroicons/24/outline/chevron-left.svg?raw";
import chevronRight from "heroicons/24/outline/chevron-right.svg?raw";
import chevronUp from "heroicons/24/outline/chevron-up.svg?raw";
import document from "heroicons/24/outline/document.svg?raw";
import documentText from "heroicons/24/outline/document-text.svg?raw";
import ellipsisVertical from "heroicons/24/outline/ellipsis-vertical.svg?raw";
import exclamationCircle from "heroicons/24/outline/exclamation-circle.svg?raw";
import film from "heroicons/24/outline/film.svg?raw";
import folder from "heroicons/24/outline/folder.svg?raw";
import folderPlus from "heroicons/24/outline/folder-plus.svg?raw";
import informationCircle from "heroicons/24/outline/information-circle.svg?raw";
import link from "heroicons/24/outline/link.svg?raw";
import listBullet from "heroicons/24/outline/list-bullet.svg?raw";
import magnifyingGlass from "heroicons/24/outline/magnifying-glass.svg?raw";
import moon from "heroicons/24/outline/moon.svg?raw";
import musicalNote from "heroicons/24/outline/musical-note.svg?raw";
import pause from "heroicons/24/outline/pause.svg?raw";
import pencil from "heroicons/24/outline/pencil.svg?raw";
import photo from "heroicons/24/outline/photo.svg?raw";
import play from "heroicons/24/outline/play.svg?raw";
import squares2x2 from "heroicons/24/outline/squares-2x2.svg?raw";
import sun from "heroicons/24/outline/sun.svg?raw";
import trash from "heroicons/24/outline/trash.svg?raw";
import xMark from "heroicons/24/outline/x-mark.svg?raw";
import type { TemplateResult } from "lit";
import { html, unsafeStatic } from "lit/static-html.js";

const ICONS = {
  arrowTopRightOnSquare,
  ellipsisVertical,
  folder,
  informationCircle,
  magnifyingGlass,
  pencil,
  chevronDown,
  chevronUp,
  arrowDownTray,
  arrowLeftStartOnRectangle,
  arrowPath,
  arrowUpTray,
  checkCircle,
  chevronLeft,
  chevronRight,
  document,
  documentText,
  exclamationCircle,
  film,
  folderPlus,
  link,
  listBullet,
  moon,
  musicalNote,
  pause,
  photo,
  play,
  squares2x2,
  sun,
  trash,
  xMark,
};

export type IconName = keyof typeof ICONS;

/** One template for each icon: `unsafeHTML` would parse the icon again for each of its places. */
const templates = new Map<IconName, TemplateResult>();

/** An icon from Heroicons. */
export function icon(name: IconName): TemplateResult {
  let template = templates.get(name);
  if (!template) {
    template = html`${unsafeStatic(ICONS[name])}`;
    templates.set(name, template);
  }
  return template;
}
