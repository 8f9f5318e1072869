package import MessageFormat

/// One machine with one process on it: its clocks, whether it runs, and what waits while it is
/// stopped.
///
/// A process is started, may be paused and go on, and ends by a kill (what it wrote stays in the
/// machine's memory) or with a power cut (what was not flushed is at the disk's mercy). Whatever was
/// planned for a process that has ended never happens.
package final class Machine {
    package let name: String
    /// IP address, without a port.
    package let host: String
    package let world: World
    package var clock = VirtualClock()
    /// Counts starts: 0 until the first.
    package private(set) var life = 0
    package private(set) var isRunning = false
    package private(set) var isPaused = false
    /// A machine without power says nothing to anybody, not even that a connection is gone.
    package private(set) var hasPower = true
    private var held: [() -> Void] = []
    private var stopped: (() -> Void)?

    package init(name: String, host: String, world: World) {
        self.name = name
        self.host = host
        self.world = world
    }

    package func now() -> Now { self.clock.now(at: self.world.time) }

    /// `stopped` is called when the process has ended, however it ended.
    package func start(stopped: @escaping () -> Void) {
        precondition(!self.isRunning, "\(self.name) runs already")
        self.hasPower = true
        self.isRunning = true
        self.isPaused = false
        self.life += 1
        self.stopped = stopped
    }

    package func stop(losingPower: Bool) {
        guard self.isRunning else { return }
        self.isRunning = false
        self.hasPower = !losingPower
        self.held.removeAll()
        let stopped = self.stopped
        self.stopped = nil
        stopped?()
    }

    package func pause() { self.isPaused = true }

    /// Everything that came meanwhile is there at once, in its order.
    package func resume() {
        guard self.isPaused else { return }
        self.isPaused = false
        let held = self.held
        self.held.removeAll()
        for action in held { self.perform(action, ofLife: self.life) }
    }

    /// A timer of the process, by its own clock.
    package func after(_ delay: Duration, _ action: @escaping () -> Void) {
        let life = self.life
        self.world.at(self.world.time + self.clock.real(delay)) {
            self.perform(action, ofLife: life)
        }
    }

    /// Something reaches the process that ran when it was sent off.
    func perform(_ action: @escaping () -> Void, ofLife life: Int) {
        guard self.isRunning, self.life == life else { return }
        if self.isPaused { self.held.append(action) } else { action() }
    }
}
