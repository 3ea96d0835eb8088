import { Component, type ComponentChildren, type FunctionComponent } from "preact";

/** A component that is drawn again only if one of its properties is another value. */
export function memo<P extends object>(draw: (props: P) => ComponentChildren): FunctionComponent<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return Object.keys(next).some((key) => next[key as keyof P] !== (this.props as P)[key as keyof P]);
    }
    override render(props: P): ComponentChildren {
      return draw(props);
    }
  } as unknown as FunctionComponent<P>;
}
