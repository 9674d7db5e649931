;;;; sbcl --script py4cl.lisp DIRECTORY PYTHON SCRATCH SECONDS NAME...: measures py4cl of that directory with that
;;;; interpreter, each at least so long, and prints a line "NAME seconds-of-one repetitions" for each.
;;;; What py4cl depends on: with Quicklisp in the home directory it is got from there. Without, ASDF finds it: what is
;;;; a package of Debian's (cl-trivial-garbage, cl-ieee-floats ...) by itself, the rest in the trees that
;;;; CL_SOURCE_REGISTRY names (/some/directory//: for all below it).
;;;; Both spellings of its functions are known: pycall (digikar99's) and python-call (bendudson's).

(require :asdf)

(defvar *arguments* (rest sb-ext:*posix-argv*))

(defun load-py4cl (directory)
  (let ((quicklisp (merge-pathnames "quicklisp/setup.lisp" (user-homedir-pathname))))
    (when (probe-file quicklisp) (load quicklisp)))
  (push (truename (concatenate 'string directory "/")) asdf:*central-registry*)
  (if (find-package "QL")
      (uiop:symbol-call "QL" "QUICKLOAD" "py4cl")
      (asdf:load-system "py4cl")))

;; What a compiler remarks is nobody's business here, an error is.
(handler-case (let* ((*error-output* (make-broadcast-stream)) (*standard-output* *error-output*))
                (load-py4cl (first *arguments*)))
  (error (condition)
    (format *error-output* "~a~%" condition)
    (exit :code 1 :abort t)))

(defun named (&rest names)
  (some (lambda (name)
          (let ((symbol (find-symbol name "PY4CL")))
            (when (and symbol (or (boundp symbol) (fboundp symbol))) symbol)))
        names))

(defvar *call* (named "PYCALL" "PYTHON-CALL"))
(defvar *eval* (named "PYEVAL" "PYTHON-EVAL"))
(defvar *exec* (named "RAW-PYEXEC" "PYEXEC" "PYTHON-EXEC"))
(defvar *seconds* (let ((*read-eval* nil)) (read-from-string (fourth *arguments*))))

;; As its manual advises: large arrays, from 100,000 numbers, go through files in memory. Smaller ones are text.
(defun configure (python scratch)
  (let ((command (named "*PYTHON-COMMAND*"))
        (config (named "*CONFIG*")))
    (when command (setf (symbol-value command) python))
    (when config
      (setf (symbol-value config)
            (loop for (name value) in `(("PYCMD" ,python)
                                        ("NUMPY-PICKLE-LOCATION" ,(concatenate 'string scratch "/array.npy"))
                                        ("NUMPY-PICKLE-LOWER-BOUND" 100000))
                  collect (cons (intern name "PY4CL") value))))))

(defun now () (/ (get-internal-real-time) internal-time-units-per-second))

;; What one of them takes; each call of operation makes as many as it says.
(defun seconds-of-one (operation)
  (funcall operation)
  (loop with start = (now)
        with made = 0
        do (incf made (funcall operation))
        when (>= (- (now) start) *seconds*)
          return (values (float (/ (- (now) start) made) 1d0) made)))

(defun call-int ()
  (loop repeat 100 do (assert (eql 5 (funcall *call* "int" "5"))))
  100)

(defun callback ()
  (funcall *call* "bench_loop" (lambda (i) (* 2 i)) 100)
  100)

;; By eval: where an array becomes a file, python-call asks Python something within its own message.
(defun array-over (size)
  (let* ((length (floor size 8))
         (array (make-array length :element-type 'double-float :initial-element 1d0)))
    (lambda ()
      (assert (eql length (funcall *eval* "len(" array ")")))
      1)))

(defun operation (name)
  (cond ((string= name "call") #'call-int)
        ((string= name "callback") #'callback)
        (t (array-over (parse-integer name :start (1+ (position #\/ name)))))))

(configure (second *arguments*) (third *arguments*))
(funcall *exec* "def bench_loop(f, n):
    for i in range(n):
        f(i)
")
(dolist (name (cddddr *arguments*))
  (multiple-value-bind (seconds made) (seconds-of-one (operation name))
    (format t "~a ~,9f ~d~%" name seconds made)
    (finish-output)))
